#include "gateway/server/rpc/object_message.h"

#include "absl/strings/str_cat.h"
#include "gateway/server/rpc/convert.h"

namespace lakefs::gateway {

UploadRequest ObjectRequest(const pb::UploadHeader& header, size_t bytes) {
  UploadRequest request = FromProto(header);
  if (!request.size_bytes) request.size_bytes = static_cast<int64_t>(bytes);
  return request;
}

std::vector<FieldViolation> ObjectViolations(const UploadRequest& request,
                                             size_t bytes) {
  std::vector<FieldViolation> violations = Violations(request);
  if (!request.resume_token.empty()) {
    violations.push_back({"header.resume_token",
                          "is for UploadAndLink; one message cannot be gone "
                          "on with"});
  }
  if (bytes > RequestLimits::kChunkBytes) {
    violations.push_back(
        {"data", absl::StrCat("has ", bytes, " bytes, and at most ",
                              RequestLimits::kChunkBytes,
                              " in one message; UploadAndLink takes more")});
  }
  return violations;
}

}  // namespace lakefs::gateway
