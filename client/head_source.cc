#include "client/head_source.h"

#include <algorithm>
#include <cstring>

namespace lakefs::staging {

absl::StatusOr<size_t> HeadSource::Read(char* buffer, size_t size) {
  const size_t of_head = std::min(size, head_.size() - given_);
  std::memcpy(buffer, head_.data() + given_, of_head);
  given_ += of_head;
  if (given_ == head_.size()) {
    head_ = std::string();
    given_ = 0;
  }
  if (of_head == size) return size;
  const auto more = rest_.Read(buffer + of_head, size - of_head);
  if (!more.ok()) return more.status();
  return of_head + *more;
}

absl::Status HeadSource::Seek(int64_t offset) {
  head_ = std::string();
  given_ = 0;
  return rest_.Seek(offset);
}

}  // namespace lakefs::staging
