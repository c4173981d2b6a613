#include "client/memory_source.h"

namespace lakefs::staging {

std::optional<int64_t> MemorySource::size_bytes() const {
  return static_cast<int64_t>(data_.size());
}

absl::StatusOr<size_t> MemorySource::Read(char* buffer, size_t size) {
  if (interrupted_) return absl::CancelledError("interrupted");
  const size_t copied = data_.copy(buffer, size, offset_);
  offset_ += copied;
  return copied;
}

absl::Status MemorySource::Seek(int64_t offset) {
  if (offset < 0 || static_cast<size_t>(offset) > data_.size()) {
    return absl::OutOfRangeError("seek behind the end");
  }
  interrupted_ = false;
  offset_ = static_cast<size_t>(offset);
  return absl::OkStatus();
}

}  // namespace lakefs::staging
