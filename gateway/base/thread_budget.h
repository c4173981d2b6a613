// Threads, of which a system may give a process only so many.
#pragma once

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace lakefs::gateway {

// While it lives, a thread that this one starts is none of those kept for
// others.
class WithoutSpareThreads {
 public:
  WithoutSpareThreads();
  ~WithoutSpareThreads();
  WithoutSpareThreads(const WithoutSpareThreads&) = delete;
  WithoutSpareThreads& operator=(const WithoutSpareThreads&) = delete;
};

// How many threads the pools of the process may still start, so that some are
// always left for libraries: gRPC starts threads as it needs them, counts on
// those that it was not given, and then stands still. Other processes may take
// what is left as well. So these threads are there from the start, asleep, and
// pthread_create hands them out once the system gives none.
//
// What limits them (a user's RLIMIT_NPROC, the cgroups' pids.max, memory) is
// not all to be seen from inside a container, so it is found out by trying.
//
// Threads: all methods may be called from any thread.
class ThreadBudget {
 public:
  // Leaves `spare` threads to others.
  explicit ThreadBudget(int spare) : spare_(spare) {}

  // Takes threads out of the budget that are to be there whatever others take:
  // who starts them does so without WithoutSpareThreads.
  // Errors: RESOURCE_EXHAUSTED, which says how many there are.
  absl::Status Reserve(int threads);

  // Whether one more thread may be started; if so it is out of the budget.
  bool TryTake();

  // One that was taken could not be started: others have all that there were.
  void Failed();

 private:
  // Sees to it that so many are in the budget, if they are to be had.
  bool Have(int threads) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const int spare_;
  absl::Mutex mu_;
  int free_ ABSL_GUARDED_BY(mu_) = 0;  // below zero: the spare ones are short
  absl::Time look_again_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
};

}  // namespace lakefs::gateway
