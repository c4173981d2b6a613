#include "gateway/staging/transfer/checkpoints.h"

#include "gateway/base/crc32c.h"

namespace lakefs::gateway {

Checkpoints::Checkpoints(ResumePoint begin, bool was_told, Tell tell,
                         int64_t every_bytes)
    : tell_(std::move(tell)),
      every_bytes_(every_bytes),
      point_(std::move(begin)),
      told_offset_(point_.offset()),
      told_(was_told) {}

void Checkpoints::Stored(const StoredPart& part, int64_t size,
                         uint32_t crc32c) {
  absl::MutexLock lock(&mu_);
  // The last one of the object may be shorter, and nothing follows it.
  if (size != point_.part_bytes) return;
  waiting_[part.number] = {part, crc32c};
  for (auto next = waiting_.begin();
       next != waiting_.end() &&
       next->first == static_cast<int>(point_.parts.size()) + 1;
       next = waiting_.erase(next)) {
    point_.crc32c = ConcatCrc32c(point_.crc32c, next->second.crc32c,
                                 static_cast<uint64_t>(point_.part_bytes));
    point_.parts.push_back(std::move(next->second.part));
  }
  if (point_.offset() - told_offset_ >= every_bytes_) TellNow();
}

void Checkpoints::TellLast() {
  absl::MutexLock lock(&mu_);
  if (point_.offset() > told_offset_) TellNow();
}

bool Checkpoints::told() const {
  absl::MutexLock lock(&mu_);
  return told_;
}

void Checkpoints::TellNow() {
  if (!tell_(point_)) return;
  told_ = true;
  told_offset_ = point_.offset();
}

}  // namespace lakefs::gateway
