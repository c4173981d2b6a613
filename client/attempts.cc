#include "client/attempts.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"

namespace lakefs::staging {
namespace {

constexpr absl::Duration kFirstBackoff = absl::Milliseconds(100);
constexpr absl::Duration kMostBackoff = absl::Seconds(5);

// Whether the gateway, when it failed, had looked at the path for what an
// earlier attempt had done. One that refuses a call has not.
bool HasLooked(const Failure& failure) {
  return failure.domain == kGatewayDomain &&
         (failure.advice == v1::UploadFailure::ADVICE_RESTART ||
          failure.reason == "OBJECT_EXISTS" ||
          failure.reason == "OBJECT_CHANGED");
}

bool IsOfToken(const Failure& failure) {
  return failure.reason == "RESUME_EXPIRED" ||
         failure.reason == "RESUME_REFUSED";
}

}  // namespace

absl::Time Attempts::Begin(absl::Duration connect_timeout) {
  if (made_ > 0 && header_.attempt() > 0) {
    header_.set_attempt(header_.attempt() + 1);
  }
  ++made_;
  if (connect_by_ == absl::InfinitePast()) {
    connect_by_ = absl::Now() + connect_timeout;
  }
  return connect_by_;
}

absl::Status Attempts::Judge(const absl::Status& status) {
  const Failure failure = FailureOf(status);
  absl::Status judged = status;
  if (may_be_linked_ && !HasLooked(failure)) {
    judged = WithOutcome(status, v1::OUTCOME_UNKNOWN);
  }
  may_be_linked_ = FailureOf(judged).outcome == v1::OUTCOME_UNKNOWN;
  return WithAttempts(std::move(judged), made_, header_.request_id());
}

absl::Status Attempts::LastWord(const absl::Status& status) {
  may_be_linked_ = false;
  return Judge(status);
}

void Attempts::KeepToken(const std::string& token) {
  absl::MutexLock lock(&mutex_);
  token_ = token;
}

std::optional<absl::Duration> Attempts::Again(const absl::Status& status,
                                              bool repeatable,
                                              absl::Time deadline) {
  const Failure failure = FailureOf(status);
  bool helps = failure.retryable();
  {
    absl::MutexLock lock(&mutex_);
    if (IsOfToken(failure)) {
      helps = !header_.resume_token().empty();
      header_.clear_resume_token();
      token_.clear();
    } else if (!token_.empty()) {
      header_.set_resume_token(token_);
    }
  }
  if (!helps || !repeatable || made_ >= options_.attempts) return std::nullopt;
  if (failure.outcome == v1::OUTCOME_UNKNOWN && header_.request_id().empty()) {
    return std::nullopt;
  }
  const absl::Time now = absl::Now();
  if (failure.reason == kGatewayUnreachable && now >= connect_by_) {
    return std::nullopt;
  }
  const absl::Duration backoff =
      std::min(kMostBackoff, kFirstBackoff * (1 << std::min(made_ - 1, 10)));
  const absl::Duration wait =
      std::max(failure.retry_after.value_or(absl::ZeroDuration()),
               backoff * absl::Uniform(random_, 0.5, 1.0));
  if (now + wait >= deadline) return std::nullopt;
  return wait;
}

}  // namespace lakefs::staging
