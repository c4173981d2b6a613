// Where streamed uploads run.
#pragma once

#include <atomic>
#include <functional>
#include <utility>

#include "gateway/base/error.h"
#include "gateway/base/worker_pool.h"
#include "gateway/process/descriptors.h"

namespace lakefs::gateway {

// What an upload is refused with for which there is no place.
inline absl::Status NoPlace() {
  return MakeError(absl::StatusCode::kResourceExhausted,
                   "as many uploads are under way as --max-uploads, or the "
                   "threads and file descriptors that the system lets the "
                   "gateway have, allow",
                   Reason::kTooManyUploads);
}

// A bounded number of places, each with a thread. Whoever keeps one in vain is
// told when another was refused for want of it.
//
// Threads: all methods may be called from any thread.
class UploadPlaces {
 public:
  explicit UploadPlaces(int places, ThreadBudget* threads = nullptr,
                        int reserved = 0)
      : pool_(places, 0, threads, reserved) {}

  // Runs `upload` on a thread of its own; false, and nothing runs, if there is
  // no place, or the process has no thread or descriptors for it. Does not
  // block.
  bool TryRun(std::function<void()> upload) {
    if (HasDescriptors(kDescriptorsOfAnUpload) &&
        pool_.TryRun(std::move(upload))) {
      return true;
    }
    ++refused_;
    return false;
  }

  // Whether an upload was refused for which nobody has left yet. True is told
  // once for each: who hears it has to leave.
  bool HasToLeave() {
    int refused = refused_;
    while (refused > 0) {
      if (refused_.compare_exchange_weak(refused, refused - 1)) return true;
    }
    return false;
  }

 private:
  // Connections to lakeFS and, several at a time, to a far store; a spool file.
  static constexpr int kDescriptorsOfAnUpload = 16;

  WorkerPool pool_;
  std::atomic<int> refused_{0};
};

}  // namespace lakefs::gateway
