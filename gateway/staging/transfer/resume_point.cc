#include "gateway/staging/transfer/resume_point.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

constexpr char kGone[] = "gone";

}  // namespace

absl::Status ResumeExpired(absl::string_view label, absl::string_view is) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("the resume token ", is,
                   "; call without it, and send all bytes"),
      ErrorDetails{.reason = Reason::kResumeExpired,
                   .metadata = {{"resumeRefusal", std::string(label)}}});
}

absl::Status UploadIsGone() {
  return ResumeExpired(
      kGone,
      "is of an upload that the store does not have any more: it was completed "
      "or discarded, or a rule of the bucket has removed it");
}

bool IsGone(const absl::Status& status) {
  return ReasonOf(status) == Reason::kResumeExpired &&
         DetailsOf(status).metadata["resumeRefusal"] == kGone;
}

absl::Status RefusedHere(absl::string_view is) {
  return ResumeExpired("here", is);
}

absl::Status HasNotTheWay() {
  return RefusedHere(
      "is of an upload that goes a way to the store which this gateway does "
      "not have: replicas need the same settings");
}

}  // namespace lakefs::gateway
