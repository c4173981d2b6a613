#include "gateway/lakefs/lakefs_api.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

std::string ToString(const ObjectPath& object) {
  return absl::StrCat(object.repository, "/", object.branch, "/", object.path);
}

bool Ambiguous(const absl::Status& status) {
  switch (ReasonOf(status)) {
    case Reason::kUpstreamConnectionLost:
    case Reason::kUpstreamThrottled:
    case Reason::kBranchLocked:
    case Reason::kUpstreamUnavailable:
    case Reason::kUpstreamInternal:
      return true;
    default:
      return false;
  }
}

bool Transient(const absl::Status& status) {
  return Ambiguous(status) || NeverLeft(status);
}

}  // namespace lakefs::gateway
