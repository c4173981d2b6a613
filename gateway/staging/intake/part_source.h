// The seam through which an upload gets the parts that it sends.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/base/call_context.h"
#include "gateway/http/rope.h"
#include "gateway/staging/intake/memory_budget.h"
#include "gateway/staging/intake/spool.h"

namespace lakefs::gateway {

// A piece of the object for the store, with the memory that it holds.
struct Part {
  int number = 1;
  int64_t offset = 0;
  Rope bytes;
  MemoryBudget::Reservation memory;
  // Holds what of the bytes gave its memory up; `bytes` points into it.
  std::unique_ptr<SpoolFile> file;
};

// The bytes of one object in parts: as a caller sends them (PartReader), or
// from a file that is at hand (FileParts).
//
// Threads: for one thread; the parts may be read by others, and must not be
// when this is gone.
class PartSource {
 public:
  virtual ~PartSource() = default;

  // The next part, of `part_bytes`; the last may be shorter, and empty if it is
  // the first. Not to be called once ended().
  // Blocking: until the bytes are there, bounded by the call.
  virtual absl::StatusOr<Part> Next(int64_t part_bytes) = 0;
  // The same, but bounded by `context`, a part of the call that may end
  // earlier. The bytes of the unfinished part are gone then: the object can
  // only begin anew.
  virtual absl::StatusOr<Part> Next(const CallContext& context,
                                    int64_t part_bytes) = 0;

  // Whether the last part was handed out.
  virtual bool ended() const = 0;

  // Whether all bytes are here from the beginning, so that parts take no
  // memory, and what goes at once no spool.
  virtual bool at_hand() const = 0;

  // Compares the caller's SHA-256 and MD5, if it gave any. `whole` is all of
  // the object, where it is still at hand.
  virtual absl::Status CheckDigests(const Rope* whole) = 0;

  // Whether what the store has been sent is the object that was meant, where
  // that is not known before: to be asked before anybody can see it. Parts that
  // were not read by then are.
  virtual absl::Status CheckSent() = 0;

  // Begins behind the first `parts` parts, `size_bytes` with `crc32c`, which an
  // earlier call has stored. Returns false if that cannot be. To be called
  // before anything is read, and where no digest follows.
  virtual bool GoOn(int parts, int64_t size_bytes, uint32_t crc32c) {
    (void)parts, (void)size_bytes, (void)crc32c;
    return false;
  }

  // Begins the object anew. Returns false if that cannot be. The bytes of both
  // times must be the same.
  virtual bool Restart() = 0;

  // Of what was handed out, but of a file all of it.
  virtual int64_t size_bytes() const = 0;
  // The same; nothing as long as it is not known.
  virtual std::optional<uint32_t> crc32c() const = 0;
  // The MD5 that the caller gave, once ended(); 16 bytes, or empty.
  virtual std::string md5() const = 0;
};

}  // namespace lakefs::gateway
