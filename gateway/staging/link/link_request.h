// What is linked, and where its bytes are.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/base/clock.h"
#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway {

// What is linked, and to where. The address and the checksum are the
// placement's, since they change from round to round.
struct LinkRequest {
  ObjectPath object;
  int64_t size_bytes = 0;
  UserMetadata user_metadata;
  std::string content_type;
  std::optional<WallTime> mtime;
  bool force = false;
  bool if_absent = false;
  std::optional<std::string> if_match;
  // Dialect::skips_creates: a 200 to a create is looked after.
  bool skips_creates = false;

  WriteCondition condition() const {
    return {.if_absent = if_absent, .if_match = if_match};
  }
};

// A multipart upload whose parts the store has acknowledged.
struct StoredMultipart {
  MultipartUpload upload;
  std::vector<StoredPart> parts;
};

// Sends the object's bytes through lakeFS, once; lakeFS stores and links them
// in one. Tells `request` how many they are.
using SendThrough =
    std::function<LinkAnswer(const CallContext& context, LinkRequest& request,
                             const WriteCondition& condition)>;

// The object's bytes, acknowledged by the store at an address.
struct Placement {
  StagingLocation location;
  std::string checksum;
  // Set if the parts are yet to be put together. Then the first link is
  // lakeFS's complete, which does both.
  std::optional<StoredMultipart> multipart;
  // Set if the bytes are with the caller yet, and go through lakeFS: then the
  // link is an upload by `send`, and what became of it is known by a mark in
  // the user metadata, since there is no address beforehand.
  bool through_lakefs = false;
  SendThrough send;
  // Whether the address can be linked again after a link that failed. Those of
  // v0.90 to v1.21 cannot, nor those of what went through lakeFS.
  bool relinkable = true;
  // Whether another call may put parts to the same upload and complete it,
  // since a token was given out by which it can be gone on with. Then what
  // stands at the address is ours only if it has our checksum.
  bool shared = false;
  // Whether it is of an earlier call with the same request_id.
  bool earlier = false;
  // When lakeFS takes the address no more.
  TimePoint link_before = TimePoint::max();
};

// Brings the bytes to `where`, or to an address of its own getting if lakeFS
// named none. An error ends the upload. Empty if who links has no bytes: then
// what needs another address fails.
using Place = std::function<absl::StatusOr<Placement>(
    const std::optional<StagingLocation>& where)>;

// What stood at the path when the upload began: it is older than ours, and is
// overwritten when a link is repeated. What has come since is not.
struct Before {
  // Whether it was looked at. Else time tells, as link_loop.h has it.
  bool known = false;
  std::optional<ObjectStats> object;
  // Whether ours has no mark, so that it may be what is seen: then all that
  // stands there counts as older.
  bool ours_unmarked = false;
};

}  // namespace lakefs::gateway
