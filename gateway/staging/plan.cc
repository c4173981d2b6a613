#include "gateway/staging/plan.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

absl::StatusOr<Plan> ChoosePlan(const ServerConfig& server,
                                const UploadRequest& request,
                                const PlanOptions& options) {
  if (!server.pre_sign_support.value_or(false)) return Plan::kThroughLakefs;
  if (request.size_bytes.value_or(0) > options.single_put_bytes) {
    return ObjectTooLarge(*request.size_bytes, options);
  }
  return Plan::kSinglePut;
}

absl::Status ObjectTooLarge(int64_t size_bytes, const PlanOptions& options) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat("the object has ", size_bytes,
                   " bytes or more, and at most ", options.single_put_bytes,
                   " can be put at once; raise --single-put-bytes, or send a "
                   "smaller object"),
      Reason::kObjectTooLarge);
}

}  // namespace lakefs::gateway
