// Threads for the blocking code behind gRPC's callbacks.
#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/thread_budget.h"

namespace lakefs::gateway {

// A bounded number of threads and a bounded queue of tasks before them.
// Threads start when there is work for them, and end with the pool. Where the
// system gives no more of them, tasks wait for those that are there.
//
// Threads: all methods may be called from any thread.
class WorkerPool {
 public:
  // At most `max_threads` tasks run and at most `max_queued` wait. Threads come
  // out of `budget`, if there is one: the first `reserved` have been taken out
  // of it already.
  WorkerPool(int max_threads, int max_queued, ThreadBudget* budget = nullptr,
             int reserved = 0);
  // Blocks until all tasks, also those that wait, have run.
  ~WorkerPool();

  // Runs `task` on a thread of the pool; false, and nothing runs, if the queue
  // is full, or there is no thread and none to be had. Does not block.
  bool TryRun(std::function<void()> task);

  // How many tasks wait.
  int waiting() const;

 private:
  bool StartThread() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Work();

  const int max_threads_;
  const int max_queued_;
  ThreadBudget* const budget_;  // may be null
  mutable absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int reserved_ ABSL_GUARDED_BY(mu_);
  int running_ ABSL_GUARDED_BY(mu_) = 0;  // tasks
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mu_);
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
