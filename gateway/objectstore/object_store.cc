#include "gateway/objectstore/object_store.h"

#include "gateway/base/error.h"

namespace lakefs::gateway {

bool UrlRefused(const absl::Status& status) {
  return absl::IsPermissionDenied(status) &&
         ReasonOf(status) == Reason::kStoreRejected;
}

bool AddressRefused(const absl::Status& status) {
  return absl::IsAborted(status) && ReasonOf(status) == Reason::kStoreRejected;
}

}  // namespace lakefs::gateway
