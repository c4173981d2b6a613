// The seam through which the bytes of an upload come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "gateway/base/call_context.h"
#include "gateway/staging/intake/memory_budget.h"

namespace lakefs::gateway {

// A piece of the object.
struct Chunk {
  int64_t write_offset = 0;
  std::string data;
  std::optional<uint32_t> crc32c;  // of `data`
};

// The end of the object, and what the caller says of the whole.
struct Finish {
  int64_t size_bytes = 0;
  std::optional<uint32_t> crc32c;
  std::optional<std::string> sha256;  // 32 bytes
  std::optional<std::string> md5;     // 16 bytes
};

// Nothing came in the time that was given.
struct Silence {};

using BodyEvent = std::variant<Chunk, Finish, Silence>;

// The bytes of one upload, in order.
//
// Threads: for one thread.
class BodySource {
 public:
  virtual ~BodySource() = default;

  // The memory of bytes that are here already and have been paid for: they
  // count as granted. Nothing, where bytes come when they are asked for.
  virtual MemoryBudget::Reservation TakeMemory() { return {}; }

  // Lets the source take that many more bytes from its caller, beside what it
  // was granted before. What is not granted stays with the caller. A chunk is
  // taken whole, so the last one may pass the grant by 4 MiB.
  virtual void Grant(int64_t bytes) = 0;

  // Takes back what was granted and has not come. A read that is under way
  // cannot be taken back: it may still bring a chunk.
  virtual void Withdraw() = 0;

  // The next piece, or the end; Silence if neither has come by `until`. Not to
  // be called after the end, but for a rewind in between.
  //
  // Errors: INVALID_ARGUMENT, BAD_FRAME_ORDER or INCOMPLETE_UPLOAD if the
  // caller's messages are out of order or stop before the end; CANCELLED,
  // DEADLINE_EXCEEDED if the call is over.
  // Blocking: until the caller sends, bounded by `until` and the call.
  virtual absl::StatusOr<BodyEvent> Next(const CallContext& context,
                                         TimePoint until) = 0;

  // Whether the caller can send again from an earlier offset.
  virtual bool CanRewind() const = 0;

  // Asks the caller to; what comes next begins at `offset`, whatever was on its
  // way. Only if CanRewind(), or before anything was read, when the upload goes
  // on where an earlier call has ended. Does not block.
  virtual void Rewind(int64_t offset) = 0;
};

}  // namespace lakefs::gateway
