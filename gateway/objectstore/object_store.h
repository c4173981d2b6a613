// The seam to the object stores behind lakeFS.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "gateway/base/call_context.h"
#include "gateway/http/rope.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// What a store said of bytes that it has acknowledged.
struct StoredObject {
  // What lakeFS is told as the checksum: opaque, never empty.
  std::string checksum;
};

// Where the bytes of an object are put.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Puts all of `bytes` at `location` in one request. One attempt; putting the
  // same bytes there again is harmless.
  //
  // Errors: PERMISSION_DENIED or INTERNAL, STORE_REJECTED with storeErrorCode
  // if the store refused; those that Transient() knows otherwise.
  // Blocking: until the store has acknowledged, bounded by the call.
  virtual absl::StatusOr<StoredObject> Put(const CallContext& context,
                                           const StagingLocation& location,
                                           const Rope& bytes) = 0;
};

}  // namespace lakefs::gateway
