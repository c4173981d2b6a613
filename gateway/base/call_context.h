// What one call carries through every layer: its deadline, its cancellation,
// its name in the logs, and the count of what it has cost.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/clock.h"
#include "gateway/base/trace_parent.h"

namespace lakefs::gateway {

// What is known of a call when it comes.
struct CallInfo {
  // Names the call in logs.
  std::string call_id;
  // The caller's own authorization to lakeFS, if callers may bring one: a
  // secret, never logged. Nothing that was learned with it is kept for others.
  std::string authorization;
  // The gateway's span in the caller's trace, if it is part of one.
  std::optional<TraceParent> trace;
};

// The context of one call. Copies share the cancellation and the counters, so
// a copy with an earlier deadline ends with the call it was made from.
//
// Every function that waits takes one and returns no later than it ends.
//
// Threads: all methods may be called from any thread.
class CallContext {
 public:
  // `clock` must outlive all copies.
  CallContext(Clock& clock, TimePoint deadline, CallInfo info);
  CallContext(Clock& clock, TimePoint deadline, std::string call_id);

  // The same call with the earlier of its deadline and `deadline`.
  CallContext WithDeadline(TimePoint deadline) const;

  // A call of the same name and counters that neither the deadline nor the
  // cancellation of this one ends: for finding out, once this one is over, what
  // became of a request in flight, and for leaving nothing behind. It ends
  // `timeout` from now.
  CallContext Detached(Duration timeout) const;

  Clock& clock() const { return *clock_; }
  TimePoint deadline() const { return deadline_; }
  const std::string& call_id() const { return shared_->info.call_id; }
  const std::string& authorization() const {
    return shared_->info.authorization;
  }
  const std::optional<TraceParent>& trace() const {
    return shared_->info.trace;
  }

  // Time that is left, zero once the call is over.
  Duration Remaining() const;

  // OK while the call goes on; else CANCELLED or DEADLINE_EXCEEDED.
  absl::Status Over() const;
  bool cancelled() const;

  // Ends the call, and all copies of it, with CANCELLED.
  void Cancel() const;

  // Waits for `span`, or until the call is over. Returns Over().
  absl::Status Sleep(Duration span) const;

  // Counts one HTTP exchange of this call, and says how many there were.
  void CountAttempt() const { ++shared_->attempts; }
  int attempts() const { return shared_->attempts; }

 private:
  friend class CancelHook;

  // Shared between the gRPC thread that cancels and the threads that work.
  struct Cancellation {
    absl::Mutex mu;
    bool cancelled ABSL_GUARDED_BY(mu) = false;
    int next_hook ABSL_GUARDED_BY(mu) = 0;
    std::map<int, std::function<void()>> hooks ABSL_GUARDED_BY(mu);
  };
  // Shared also with detached contexts, whose attempts count for the call.
  struct Shared {
    CallInfo info;
    std::atomic<int> attempts{0};
  };

  Clock* clock_;
  TimePoint deadline_;
  std::shared_ptr<Cancellation> cancellation_;
  std::shared_ptr<Shared> shared_;
};

// Runs a function when a call is cancelled, for as long as the hook lives: at
// once if it already is. The function runs under a lock: it must be short, and
// must not touch the context.
class CancelHook {
 public:
  CancelHook(const CallContext& context, std::function<void()> on_cancel);
  ~CancelHook();
  CancelHook(const CancelHook&) = delete;
  CancelHook& operator=(const CancelHook&) = delete;

 private:
  std::shared_ptr<CallContext::Cancellation> cancellation_;
  int id_;
};

// A part of a call that can be given up alone, and ends with the call.
class CallScope {
 public:
  explicit CallScope(const CallContext& call)
      : context_(call.Detached(call.Remaining())),
        hook_(call, [this] { context_.Cancel(); }) {}

  const CallContext& context() const { return context_; }
  void Cancel() { context_.Cancel(); }

 private:
  const CallContext context_;
  const CancelHook hook_;
};

}  // namespace lakefs::gateway
