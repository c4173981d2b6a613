#include "gateway/server/admin/readiness.h"

#include <utility>

#include "gateway/base/error.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kTimeout{2};

// An answer holds so long. Less than the usual period of a probe, so that each
// probe gets a fresh one, and more than none, so that many probes do not become
// a load.
constexpr std::chrono::seconds kMaxAge{3};

// What a failure to ask says.
Readiness::Verdict VerdictOf(const absl::Status& status, bool own_credentials) {
  if (status.ok()) return Readiness::Verdict::kReady;
  switch (ReasonOf(status)) {
    case Reason::kCredentialsRejected:
      // Where a proxy wants to know who asks, it is there.
      return own_credentials ? Readiness::Verdict::kCredentialsRejected
                             : Readiness::Verdict::kReady;
    case Reason::kUpstreamUnreachable:
    case Reason::kUpstreamConnectionLost:
    case Reason::kDeadlineExceeded:
      return Readiness::Verdict::kLakefsUnreachable;
    case Reason::kUpstreamIntercepted:
      return Readiness::Verdict::kNotLakefs;
    default:
      return Readiness::Verdict::kLakefsFailing;
  }
}

}  // namespace

Readiness::Finding Readiness::Look() {
  if (calls_.draining()) return {Verdict::kDraining};
  absl::MutexLock lock(&mu_);
  if (asked_ && clock_.Now() - asked_at_ < kMaxAge) return last_;
  Finding finding = Ask();
  if (!asked_ || finding.verdict != last_.verdict) {
    Log(finding.verdict == Verdict::kReady ? LogLevel::kInfo
                                           : LogLevel::kWarning,
        "readiness",
        {{"verdict", std::string(ReadinessName(finding.verdict))},
         {"message", finding.message}});
  }
  asked_ = true;
  asked_at_ = clock_.Now();
  last_ = std::move(finding);
  return last_;
}

Readiness::Finding Readiness::Ask() {
  const CallContext context(clock_, clock_.Now() + kTimeout, "readiness");
  const absl::Status status = own_credentials_
                                  ? lakefs_.GetConfig(context).status()
                                  : lakefs_.HealthCheck(context);
  const Verdict verdict = VerdictOf(status, own_credentials_);
  if (verdict == Verdict::kReady) return {verdict};
  return {verdict, std::string(status.message())};
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
    case Readiness::Verdict::kNotLakefs:
      return "not_lakefs";
    case Readiness::Verdict::kCredentialsRejected:
      return "credentials_rejected";
  }
  return "lakefs_failing";
}

}  // namespace lakefs::gateway
