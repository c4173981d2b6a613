#include "gateway/server/admin/readiness.h"

#include "gateway/base/error.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kTimeout{2};

// An answer holds so long. Less than the usual period of a probe, so that each
// probe gets a fresh one, and more than none, so that many probes do not become
// a load.
constexpr std::chrono::seconds kMaxAge{3};

}  // namespace

Readiness::Verdict Readiness::Check() {
  if (calls_.draining()) return Verdict::kDraining;
  absl::MutexLock lock(&mu_);
  if (asked_ && clock_.Now() - asked_at_ < kMaxAge) return last_;
  const Verdict verdict = Ask();
  if (!asked_ || verdict != last_) {
    Log(verdict == Verdict::kReady ? LogLevel::kInfo : LogLevel::kWarning,
        "readiness", {{"verdict", std::string(ReadinessName(verdict))}});
  }
  asked_ = true;
  asked_at_ = clock_.Now();
  last_ = verdict;
  return verdict;
}

Readiness::Verdict Readiness::Ask() {
  const CallContext context(clock_, clock_.Now() + kTimeout, "readiness");
  const absl::Status status = own_credentials_
                                  ? lakefs_.GetConfig(context).status()
                                  : lakefs_.HealthCheck(context);
  if (status.ok()) return Verdict::kReady;
  switch (ReasonOf(status)) {
    case Reason::kCredentialsRejected:
      // Where a proxy wants to know who asks, it is there.
      return own_credentials_ ? Verdict::kCredentialsRejected : Verdict::kReady;
    case Reason::kUpstreamUnreachable:
    case Reason::kUpstreamConnectionLost:
    case Reason::kDeadlineExceeded:
      return Verdict::kLakefsUnreachable;
    default:
      return Verdict::kLakefsFailing;
  }
}

absl::string_view ReadinessName(Readiness::Verdict verdict) {
  switch (verdict) {
    case Readiness::Verdict::kReady:
      return "ready";
    case Readiness::Verdict::kDraining:
      return "draining";
    case Readiness::Verdict::kLakefsUnreachable:
      return "lakefs_unreachable";
    case Readiness::Verdict::kLakefsFailing:
      return "lakefs_failing";
    case Readiness::Verdict::kCredentialsRejected:
      return "credentials_rejected";
  }
  return "lakefs_failing";
}

}  // namespace lakefs::gateway
