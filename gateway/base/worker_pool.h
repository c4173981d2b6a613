// Threads for the blocking code behind gRPC's callbacks.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace lakefs::gateway {

// A bounded number of threads and a bounded queue of tasks before them.
// Threads start when there is work for them, and end with the pool.
//
// Threads: all methods may be called from any thread.
class WorkerPool {
 public:
  // At most `max_threads` tasks run and at most `max_queued` wait.
  WorkerPool(int max_threads, int max_queued);
  // Blocks until all tasks, also those that wait, have run.
  ~WorkerPool();

  // Runs `task` on a thread of the pool; false, and nothing runs, if the queue
  // is full. Does not block.
  bool TryRun(std::function<void()> task);

  // How many tasks wait.
  int waiting() const;

 private:
  void Work();

  const int max_threads_;
  const int max_queued_;
  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int running_ ABSL_GUARDED_BY(mu_) = 0;  // tasks
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
