// How far an upload is, put together from both sides.
#pragma once

#include <cstdint>
#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// Calls back with what the gateway tells, and between that, at most 5 times a
// second, with what has been sent: a slow store must not look like a standstill
// to the one who waits.
//
// Threads: any; the callback runs on one at a time.
class ProgressMeter {
 public:
  using Callback = std::function<void(const v1::UploadProgress&)>;

  // `callback` may be empty.
  explicit ProgressMeter(Callback callback) : callback_(std::move(callback)) {}

  // `bytes` of the object have been sent, each counted once.
  void Sent(int64_t bytes);

  // The gateway told this.
  void Told(const v1::UploadProgress& progress);

  // The object of so many bytes is linked: the last word.
  void Done(int64_t bytes);

  // From now on nothing is told.
  void Close();

 private:
  void Note(int64_t received, int64_t stored)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Report() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  absl::Mutex mutex_;
  Callback callback_ ABSL_GUARDED_BY(mutex_);
  v1::UploadProgress last_ ABSL_GUARDED_BY(mutex_);
  absl::Time reported_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace lakefs::staging
