// The seam to the object stores behind lakeFS.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
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
  // The ETag without quotes, spaces and W/; empty where the store has none.
  std::string etag;
};

// Where the parts of one object go.
//
// Errors (of all methods): as those of ObjectStore.
// Blocking: until the store has acknowledged, bounded by the call.
class PartTarget {
 public:
  virtual ~PartTarget() = default;

  // Puts part `number`. One attempt; the same part again replaces the first.
  // Threads: any, several parts at once.
  virtual absl::StatusOr<StoredPart> PutPart(const CallContext& context,
                                             int number, const Rope& bytes) = 0;

  // Drops what was put. OK also if there is nothing (any more).
  virtual absl::Status Abort(const CallContext& context) = 0;

  // From now on others may go on with it, by the id that is returned; empty if
  // nobody can. What a lost answer to Complete has left is then taken for ours
  // only by its ETag.
  virtual std::string Share() { return ""; }
};

// One object on its way to a store that puts its parts together by itself.
// Nothing of it is visible before Complete.
class PartedUpload : public PartTarget {
 public:
  // Puts the parts, all of them and in order, together. One attempt; repeating
  // one whose answer was lost is harmless. DATA_LOSS, CHECKSUM_MISMATCH if the
  // store does not have the parts that it acknowledged.
  virtual absl::StatusOr<StoredObject> Complete(
      const CallContext& context, std::span<const StoredPart> parts) = 0;
};

// Where the bytes of an object are put.
//
// Errors (of all methods): as the table in store_error.h maps the store's
// refusals, with storeErrorCode; of a local store RESOURCE_EXHAUSTED,
// STORE_REJECTED if its disk is full, and FAILED_PRECONDITION, STORE_REJECTED
// if an address leads elsewhere; those that Transient() knows otherwise.
// Blocking: until the store has acknowledged, bounded by the call.
class ObjectStore {
 public:
  virtual ~ObjectStore() = default;

  // Puts all of `bytes` at `location` in one request. One attempt; putting the
  // same bytes there again is harmless. `content_type` is for who reads the
  // object without lakeFS; empty, or where the store does not take one: none.
  virtual absl::StatusOr<StoredObject> Put(const CallContext& context,
                                           const StagingLocation& location,
                                           const Rope& bytes,
                                           const std::string& content_type) = 0;

  // Begins to put an object at `location` in parts: all but the last have
  // `part_bytes`. UNIMPLEMENTED, UPSTREAM_UNIMPLEMENTED where the store takes
  // none by itself.
  virtual absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext& context, const StagingLocation& location,
      int64_t part_bytes, const std::string& content_type) = 0;

  // Goes on with the upload that Share() named `upload_id`, whose first parts
  // have `part_bytes` each. Asks the store for nothing. UNIMPLEMENTED,
  // UPSTREAM_UNIMPLEMENTED where none can be gone on with.
  virtual absl::StatusOr<std::unique_ptr<PartedUpload>> GoOnWithParts(
      const StagingLocation& location, const std::string& upload_id,
      int64_t part_bytes, std::span<const StoredPart> parts);
};

// The checksum that a store gives an object of these parts: the MD5 of their
// MD5s, and their number.
std::string CompositeChecksum(std::span<const StoredPart> parts);

// Whether the store refused the right to put, not the bytes: what a URL that
// has expired looks like.
bool UrlRefused(const absl::Status& status);

// Whether the store would take the same bytes at another address: what was
// begun at this one is gone, or something is in the way.
bool AddressRefused(const absl::Status& status);

}  // namespace lakefs::gateway
