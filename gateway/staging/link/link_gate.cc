#include "gateway/staging/link/link_gate.h"

#include <algorithm>

#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

bool TooMuch(const absl::Status& answer) {
  if (answer.ok()) return false;
  const Reason reason = ReasonOf(answer);
  return reason == Reason::kUpstreamThrottled ||
         reason == Reason::kUpstreamUnavailable ||
         reason == Reason::kBranchLocked;
}

}  // namespace

absl::StatusOr<LinkGate::Pass> LinkGate::Enter(const CallContext& context) {
  Waiter waiter;
  {
    absl::MutexLock lock(&mu_);
    if (waiters_.empty() && Fits()) {
      ++under_way_;
      return Pass(this, epoch_);
    }
    waiters_.push_back(&waiter);
  }
  CancelHook wake(context, [this, &waiter] {
    absl::MutexLock lock(&mu_);
    waiter.cancelled = true;
  });
  const auto over = [&waiter] { return waiter.admitted || waiter.cancelled; };
  absl::MutexLock lock(&mu_);
  context.clock().WaitUntil(mu_, context.deadline(), absl::Condition(&over));
  if (waiter.admitted) return Pass(this, epoch_);
  waiters_.remove(&waiter);
  return waiter.cancelled
             ? absl::CancelledError("the caller cancelled the call")
             : absl::DeadlineExceededError(
                   "the deadline passed while the link waited for others");
}

int LinkGate::limit() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(limit_);
}

void LinkGate::Leave(const absl::Status& answer, uint64_t epoch) {
  absl::MutexLock lock(&mu_);
  --under_way_;
  if (answer.ok()) {
    limit_ = std::min(options_.largest, limit_ + 1 / limit_);
  } else if (TooMuch(answer) && epoch == epoch_) {
    limit_ = std::max(options_.smallest, limit_ / 2);
    ++epoch_;
  }
  Serve();
}

void LinkGate::Serve() {
  while (!waiters_.empty() && Fits()) {
    waiters_.front()->admitted = true;
    waiters_.pop_front();
    ++under_way_;
  }
}

}  // namespace lakefs::gateway
