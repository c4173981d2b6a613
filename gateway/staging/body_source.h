// The seam through which the bytes of an upload come.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/status/statusor.h"
#include "gateway/base/call_context.h"

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

using BodyEvent = std::variant<Chunk, Finish>;

// The bytes of one upload, in order.
class BodySource {
 public:
  virtual ~BodySource() = default;

  // The next piece, or the end. Not to be called after the end.
  //
  // Errors: INVALID_ARGUMENT, BAD_FRAME_ORDER or INCOMPLETE_UPLOAD if the
  // caller's messages are out of order or stop before the end; CANCELLED,
  // DEADLINE_EXCEEDED if the call is over.
  // Blocking: until the caller sends, bounded by the call.
  virtual absl::StatusOr<BodyEvent> Next(const CallContext& context) = 0;
};

}  // namespace lakefs::gateway
