// How many links lakeFS is sent at a time.
#pragma once

#include <cstdint>
#include <list>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"

namespace lakefs::gateway {

// A limit that finds its value: it grows by one for every so many successes as
// it is large, and halves when lakeFS says that it has too much to do (429,
// 503, a locked branch). Links to one branch get in each other's way, so that
// fewer at a time are more in the end.
//
// First come, first served. Threads: all methods may be called from any thread.
class LinkGate {
 public:
  struct Options {
    double initial = 64;
    double smallest = 1;
    double largest = 256;
  };

  LinkGate() : LinkGate(Options{}) {}
  explicit LinkGate(Options options)
      : options_(options), limit_(options.initial) {}

  // The right to send one link, until Done.
  class Pass {
   public:
    // Ends the link with lakeFS's answer to it.
    void Done(const absl::Status& answer) { gate_->Leave(answer, epoch_); }

   private:
    friend class LinkGate;
    Pass(LinkGate* gate, uint64_t epoch) : gate_(gate), epoch_(epoch) {}
    LinkGate* gate_;
    uint64_t epoch_;
  };

  // Waits until a link may be sent.
  // Errors: CANCELLED, DEADLINE_EXCEEDED when the call is over. Blocking:
  // bounded by the call.
  absl::StatusOr<Pass> Enter(const CallContext& context);

  // Links that may be under way at a time, now.
  int limit() const;

 private:
  struct Waiter {
    bool admitted = false;
    bool cancelled = false;
  };

  void Leave(const absl::Status& answer, uint64_t epoch);
  bool Fits() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return under_way_ < static_cast<int>(limit_);
  }
  void Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  mutable absl::Mutex mu_;
  double limit_ ABSL_GUARDED_BY(mu_);
  int under_way_ ABSL_GUARDED_BY(mu_) = 0;
  // Counts the times that the limit was lowered: answers to links sent before
  // the last time say nothing about the present limit.
  uint64_t epoch_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<Waiter*> waiters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
