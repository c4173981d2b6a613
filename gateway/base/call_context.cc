#include "gateway/base/call_context.h"

#include <algorithm>
#include <utility>

namespace lakefs::gateway {

CallContext::CallContext(Clock& clock, TimePoint deadline, CallInfo info)
    : clock_(&clock),
      deadline_(deadline),
      cancellation_(std::make_shared<Cancellation>()),
      shared_(std::make_shared<Shared>()) {
  shared_->info = std::move(info);
}

CallContext::CallContext(Clock& clock, TimePoint deadline, std::string call_id)
    : CallContext(clock, deadline, CallInfo{.call_id = std::move(call_id)}) {}

CallContext CallContext::WithDeadline(TimePoint deadline) const {
  CallContext copy = *this;
  copy.deadline_ = std::min(deadline_, deadline);
  return copy;
}

CallContext CallContext::Detached(Duration timeout) const {
  CallContext copy = *this;
  copy.deadline_ = clock_->Now() + timeout;
  copy.cancellation_ = std::make_shared<Cancellation>();
  return copy;
}

Duration CallContext::Remaining() const {
  return std::max(Duration::zero(), Duration(deadline_ - clock_->Now()));
}

absl::Status CallContext::Over() const {
  if (cancelled()) return absl::CancelledError("the caller cancelled the call");
  if (clock_->Now() >= deadline_) {
    return absl::DeadlineExceededError("the deadline of the call has passed");
  }
  return absl::OkStatus();
}

bool CallContext::cancelled() const {
  absl::MutexLock lock(&cancellation_->mu);
  return cancellation_->cancelled;
}

void CallContext::Cancel() const {
  absl::MutexLock lock(&cancellation_->mu);
  if (std::exchange(cancellation_->cancelled, true)) return;
  for (const auto& [id, hook] : cancellation_->hooks) hook();
}

absl::Status CallContext::Sleep(Duration span) const {
  const TimePoint until = span < Remaining() ? clock_->Now() + span : deadline_;
  {
    absl::MutexLock lock(&cancellation_->mu);
    clock_->WaitUntil(cancellation_->mu, until,
                      absl::Condition(&cancellation_->cancelled));
  }
  return Over();
}

CancelHook::CancelHook(const CallContext& context,
                       std::function<void()> on_cancel)
    : cancellation_(context.cancellation_) {
  absl::MutexLock lock(&cancellation_->mu);
  id_ = cancellation_->next_hook++;
  if (cancellation_->cancelled) {
    on_cancel();
  } else {
    cancellation_->hooks.emplace(id_, std::move(on_cancel));
  }
}

CancelHook::~CancelHook() {
  absl::MutexLock lock(&cancellation_->mu);
  cancellation_->hooks.erase(id_);
}

}  // namespace lakefs::gateway
