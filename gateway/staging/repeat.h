// Repeats what may be repeated.
#pragma once

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

// An upstream that failed this often in a row is not going to work now.
inline constexpr int kMaxAttempts = 6;

// Calls `attempt`, which does no harm when it is repeated, until it succeeds or
// fails for good: then the last failure, with the verdict in its details.
template <typename Attempt>
auto Repeat(const CallContext& context, RetryBudget& budget,
            absl::BitGenRef random, Attempt attempt) -> decltype(attempt()) {
  Backoff backoff({}, random);
  for (int n = 1;; ++n) {
    auto result = attempt();
    const absl::Status status = StatusOf(result);
    if (status.ok()) {
      budget.Succeeded();
      return result;
    }
    const RetryVerdict verdict =
        !Transient(status)  ? budget.Tell(RetryVerdict::kPermanent)
        : n == kMaxAttempts ? budget.Tell(RetryVerdict::kAttemptsUsedUp)
                            : WaitToRetry(context, status, backoff, budget);
    if (verdict != RetryVerdict::kRetried) {
      return WithMetadata(status, "retryVerdict", RetryVerdictName(verdict));
    }
  }
}

}  // namespace lakefs::gateway
