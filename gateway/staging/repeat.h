// Repeats what may be repeated.
#pragma once

#include <chrono>
#include <limits>
#include <optional>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "gateway/base/backoff.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway {

inline const absl::Status& StatusOf(const absl::Status& status) {
  return status;
}
template <typename T>
const absl::Status& StatusOf(const absl::StatusOr<T>& value) {
  return value.status();
}

// When a failure that may pass is taken for one that stays: after this many
// attempts in a row, but not before this long has passed since the first.
struct Persistence {
  int attempts = 6;
  std::chrono::milliseconds at_least{0};
  // What to do without budget. To wait fits where giving up costs more than the
  // upstream's rest is worth.
  WhenSpent when_spent = WhenSpent::kGiveUp;
};

// For bytes on their way to the store, and for the addresses they need: a
// caller that cannot send them again loses all that it has sent, so that a
// store or a lakeFS may be away for a minute.
inline constexpr Persistence kForBytes{
    .at_least = std::chrono::milliseconds(60'000),
    .when_spent = WhenSpent::kWaitLong};

// For a question whose answer is needed, however long that takes.
inline constexpr Persistence kUntilOver{.attempts =
                                            std::numeric_limits<int>::max()};

// Calls `attempt`, which does no harm when it is repeated, until it succeeds or
// fails for good: then the last failure, with the verdict in its details.
template <typename Attempt>
auto Repeat(const CallContext& context, RetryBudget& budget,
            absl::BitGenRef random, Attempt attempt,
            const Persistence& persistence = {}) -> decltype(attempt()) {
  Backoff backoff({}, random);
  std::optional<TimePoint> failing_since;
  for (int n = 1;; ++n) {
    auto result = attempt();
    const absl::Status status = StatusOf(result);
    if (status.ok()) {
      budget.Succeeded();
      return result;
    }
    const TimePoint now = context.clock().Now();
    if (!failing_since) failing_since = now;
    const bool stays = n >= persistence.attempts &&
                       now - *failing_since >= persistence.at_least;
    const RetryVerdict verdict =
        !Transient(status) ? budget.Tell(RetryVerdict::kPermanent)
        : stays            ? budget.Tell(RetryVerdict::kAttemptsUsedUp)
                           : WaitToRetry(context, status, backoff, budget,
                                         persistence.when_spent);
    if (verdict != RetryVerdict::kRetried) {
      return WithMetadata(status, "retryVerdict", RetryVerdictName(verdict));
    }
  }
}

}  // namespace lakefs::gateway
