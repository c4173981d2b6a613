// The ledger of an upload's bytes: what came, and whether it is what the caller
// says it sent.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/staging/intake/body_source.h"

namespace lakefs::gateway {

// Follows the bytes of one object in their order, with a CRC32C.
class Integrity {
 public:
  // `announced` is the size that the header gave.
  explicit Integrity(std::optional<int64_t> announced)
      : announced_(announced) {}
  // The same from where an earlier call has ended: after `size_bytes` with
  // `crc32c`.
  Integrity(std::optional<int64_t> announced, int64_t size_bytes,
            uint32_t crc32c)
      : announced_(announced), size_bytes_(size_bytes), crc32c_(crc32c) {}

  // The CRC32C of a chunk, if it is the next one and as its caller says.
  // Errors: INVALID_ARGUMENT with BAD_FRAME_ORDER if its offset is not where
  // the last bytes ended, INVALID_REQUEST if it is empty or over 4 MiB,
  // CHECKSUM_MISMATCH if its crc32c is wrong, SIZE_MISMATCH if the object grows
  // past the announced size.
  absl::StatusOr<uint32_t> Check(const Chunk& chunk) const;

  // Takes the next bytes; `crc32c` is theirs, if it is known.
  void Extend(absl::string_view data, std::optional<uint32_t> crc32c = {});

  // Compares the whole with what the caller says of it.
  // Errors: INVALID_ARGUMENT with SIZE_MISMATCH or CHECKSUM_MISMATCH.
  absl::Status Check(const Finish& finish) const;

  int64_t size_bytes() const { return size_bytes_; }
  uint32_t crc32c() const { return crc32c_; }

 private:
  std::optional<int64_t> announced_;
  int64_t size_bytes_ = 0;
  uint32_t crc32c_ = 0;
};

// SHA-256 and MD5 of the whole object. They cost several times what moving the
// bytes does, so they are computed only where the caller gives one to compare
// with.
class Digester {
 public:
  Digester(bool sha256, bool md5);
  ~Digester();
  Digester(Digester&&) noexcept;
  Digester& operator=(Digester&&) noexcept;

  // One that has seen the same bytes.
  Digester Clone() const;

  void Add(absl::string_view data);

  // Compares with the digests that the caller gave; ends the digester.
  // Errors: INVALID_ARGUMENT with CHECKSUM_MISMATCH, or with INVALID_REQUEST if
  // there is a digest that was not computed.
  absl::Status Check(const Finish& finish);

 private:
  struct Context;
  std::unique_ptr<Context> sha256_;
  std::unique_ptr<Context> md5_;
};

}  // namespace lakefs::gateway
