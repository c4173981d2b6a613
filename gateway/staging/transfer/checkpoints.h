// Follows what an upload in parts has stored without a gap, and tells it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/transfer/resume_point.h"

namespace lakefs::gateway {

// So much more is stored before the next is told: what a caller sends twice
// after a crash, beside what was in flight. Each names all parts again, 170 KB
// of them at 10,000, which is little beside as many bytes.
inline constexpr int64_t kCheckpointBytes = 64 << 20;

// Parts are acknowledged in any order. Those that follow each other from the
// beginning are what can be gone on from.
//
// Threads: any.
class Checkpoints {
 public:
  // Hands one to the caller; false if that is known to be gone. Called under a
  // lock, so that they come in order; must not block.
  using Tell = std::function<bool(const ResumePoint&)>;

  // Goes on from `begin`. `was_told`: its caller has it already.
  Checkpoints(ResumePoint begin, bool was_told, Tell tell,
              int64_t every_bytes = kCheckpointBytes);

  // The store has acknowledged a part of `size` bytes.
  void Stored(const StoredPart& part, int64_t size, uint32_t crc32c);

  // Tells of all that is stored, if that is more than was told.
  void TellLast();

  // Whether anybody may know how to go on with the upload.
  bool told() const;

 private:
  void TellNow() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  struct Waiting {
    StoredPart part;
    uint32_t crc32c;
  };

  const Tell tell_;
  const int64_t every_bytes_;
  mutable absl::Mutex mu_;
  ResumePoint point_ ABSL_GUARDED_BY(mu_);
  std::map<int, Waiting> waiting_ ABSL_GUARDED_BY(mu_);  // behind a gap
  int64_t told_offset_ ABSL_GUARDED_BY(mu_);
  bool told_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
