// Where the bytes of an upload come from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace lakefs::staging {

// Bytes to be read once from front to back, or, if can_rewind(), again from an
// earlier offset. Used by one thread at a time; Interrupt() alone may be called
// from any.
class Source {
 public:
  virtual ~Source() = default;

  // Size of the whole in bytes, if it is known before it is read.
  virtual std::optional<int64_t> size_bytes() const = 0;

  // Whether Seek() works: the same bytes can be read again.
  virtual bool can_rewind() const = 0;

  // Reads up to `size` bytes to `buffer` and returns how many; fewer only at
  // the end, and 0 behind it. Blocks until there are as many.
  //
  // Errors: what reading brings up; ABORTED, SOURCE_CHANGED where the source
  // is not what it was at the beginning; CANCELLED after Interrupt().
  // An error is handed to who called for the upload, as it is.
  virtual absl::StatusOr<size_t> Read(char* buffer, size_t size) = 0;

  // Makes the next Read() begin at `offset`. Only if can_rewind().
  virtual absl::Status Seek(int64_t offset) = 0;

  // Makes a Read() that blocks, and every later one up to the next Seek(),
  // return CANCELLED.
  virtual void Interrupt() = 0;
};

}  // namespace lakefs::staging
