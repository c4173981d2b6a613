#include "gateway/staging/link/outcome.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

LinkReport ObjectChanged(const ObjectPath& object,
                         const std::optional<ObjectStats>& seen) {
  LinkReport report = NotCommitted(MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat(ToString(object),
                   seen ? " has another checksum than if_match expects"
                        : " has no object, and if_match expects one"),
      Reason::kObjectChanged));
  report.object = seen;
  return report;
}

Advice AdviceFor(const LinkReport& report) {
  const Reason reason = ReasonOf(report.status);
  const bool in_the_way =
      reason == Reason::kObjectExists || reason == Reason::kObjectChanged;
  // A call with the same token would fail in the same way.
  if (reason == Reason::kResumeExpired) return Advice::kRestart;
  if (report.outcome == Outcome::kUnknown && !in_the_way) {
    return Advice::kRetryCall;
  }
  switch (reason) {
    case Reason::kInvalidRequest:
    case Reason::kBadFrameOrder:
    case Reason::kUpstreamRejected:
    case Reason::kNotFound:
    case Reason::kObjectExists:
    case Reason::kObjectChanged:
    case Reason::kObjectTooLarge:
    case Reason::kResumeRefused:
    case Reason::kCredentialsRejected:
    case Reason::kPermissionDenied:
    case Reason::kSourceRefused:
      return Advice::kFixRequest;
    case Reason::kIncompleteUpload:
    case Reason::kChecksumMismatch:
    case Reason::kSizeMismatch:
    case Reason::kLinkAddressExpired:
    case Reason::kLinkConflict:
    case Reason::kSourceChanged:
    case Reason::kResumeExpired:
    case Reason::kCancelled:
      return Advice::kRestart;
    case Reason::kUpstreamThrottled:
    case Reason::kBranchLocked:
    case Reason::kUpstreamUnavailable:
    case Reason::kUpstreamUnreachable:
    case Reason::kUpstreamConnectionLost:
    case Reason::kUpstreamInternal:
    case Reason::kOutcomeUnknown:
    case Reason::kTooManyUploads:
    case Reason::kSpoolFull:
    case Reason::kDraining:
    case Reason::kDeadlineExceeded:
      return Advice::kRetryCall;
    case Reason::kRepositoryInDeletion:
    case Reason::kUpstreamUnimplemented:
    case Reason::kUpstreamIntercepted:
    case Reason::kInternal:
      return Advice::kGiveUp;
    case Reason::kStoreRejected:
      // The codes are the store's table's.
      if (absl::IsAborted(report.status)) return Advice::kRestart;
      return absl::IsInvalidArgument(report.status) ? Advice::kFixRequest
                                                    : Advice::kGiveUp;
  }
  return Advice::kGiveUp;
}

}  // namespace lakefs::gateway
