#include "gateway/base/backoff.h"

#include <algorithm>

#include "absl/random/uniform_int_distribution.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

Duration Backoff::Next(std::optional<std::chrono::milliseconds> retry_after) {
  const Duration bound = bound_;
  bound_ = std::min(options_.maximum, 2 * bound_);
  const Duration wait(
      absl::uniform_int_distribution<int64_t>(0, bound.count())(random_));
  return retry_after ? std::max(wait, Duration(*retry_after)) : wait;
}

Duration Backoff::Longest() {
  const Duration most = options_.maximum;
  return Duration(absl::uniform_int_distribution<int64_t>(
      most.count() / 2, most.count())(random_));
}

absl::string_view RetryVerdictName(RetryVerdict verdict) {
  switch (verdict) {
    case RetryVerdict::kRetried:
      return "retried";
    case RetryVerdict::kPermanent:
      return "permanent";
    case RetryVerdict::kAttemptsUsedUp:
      return "attempts_used_up";
    case RetryVerdict::kDeadline:
      return "deadline";
    case RetryVerdict::kBudget:
      return "budget";
    case RetryVerdict::kCancelled:
      return "cancelled";
  }
  return "permanent";
}

RetryBudget::RetryBudget(Options options, const Clock& clock)
    : options_(options),
      clock_(clock),
      tokens_(options.capacity),
      refilled_(clock.Now()) {}

bool RetryBudget::Spend() {
  absl::MutexLock lock(&mu_);
  Refill();
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void RetryBudget::Succeeded() {
  absl::MutexLock lock(&mu_);
  tokens_ = std::min(options_.capacity, tokens_ + options_.per_success);
}

void RetryBudget::Refill() {
  const TimePoint now = clock_.Now();
  const std::chrono::duration<double> passed = now - refilled_;
  refilled_ = now;
  tokens_ = std::min(options_.capacity,
                     tokens_ + options_.per_second * passed.count());
}

RetryVerdict WaitToRetry(const CallContext& context,
                         const absl::Status& failure, Backoff& backoff,
                         RetryBudget& budget, WhenSpent when_spent) {
  if (context.cancelled()) return budget.Tell(RetryVerdict::kCancelled);
  Duration wait = backoff.Next(DetailsOf(failure).retry_after);
  if (wait >= context.Remaining()) return budget.Tell(RetryVerdict::kDeadline);
  if (!budget.Spend()) {
    if (when_spent == WhenSpent::kGiveUp) {
      return budget.Tell(RetryVerdict::kBudget);
    }
    wait = std::max(wait, backoff.Longest());
    if (wait >= context.Remaining()) return budget.Tell(RetryVerdict::kBudget);
  }
  return budget.Tell(context.Sleep(wait).ok() ? RetryVerdict::kRetried
                                              : RetryVerdict::kCancelled);
}

}  // namespace lakefs::gateway
