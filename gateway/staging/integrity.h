// The ledger of an upload's bytes: what came, and whether it is what the caller
// says it sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/staging/body_source.h"

namespace lakefs::gateway {

// Follows the bytes of one object in their order, with a CRC32C.
class Integrity {
 public:
  // `announced` is the size that the header gave.
  explicit Integrity(std::optional<int64_t> announced)
      : announced_(announced) {}

  // Takes the next chunk.
  // Errors: INVALID_ARGUMENT with BAD_FRAME_ORDER if its offset is not where
  // the last one ended, INVALID_REQUEST if it is empty or over 4 MiB,
  // CHECKSUM_MISMATCH if its crc32c is wrong, SIZE_MISMATCH if the object grows
  // past the announced size.
  absl::Status Add(const Chunk& chunk);

  // Compares the whole with what the caller says of it.
  // Errors: INVALID_ARGUMENT with SIZE_MISMATCH or CHECKSUM_MISMATCH.
  absl::Status Check(const Finish& finish) const;

  int64_t size_bytes() const { return size_bytes_; }
  uint32_t crc32c() const { return crc32c_; }

 private:
  const std::optional<int64_t> announced_;
  int64_t size_bytes_ = 0;
  uint32_t crc32c_ = 0;
};

// SHA-256 and MD5 of the whole object. They cost several times what moving the
// bytes does, so they are computed only where the caller may give a digest to
// compare with.
class Digester {
 public:
  Digester();
  ~Digester();
  Digester(const Digester&) = delete;
  Digester& operator=(const Digester&) = delete;

  void Add(absl::string_view data);

  // Compares with the digests that the caller gave; ends the digester.
  // Errors: INVALID_ARGUMENT, CHECKSUM_MISMATCH.
  absl::Status Check(const Finish& finish);

 private:
  struct Contexts;
  std::unique_ptr<Contexts> contexts_;
};

}  // namespace lakefs::gateway
