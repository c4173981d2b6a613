// What an upload leaves on its object, to be known by later.
#pragma once

#include <optional>
#include <string>

#include "gateway/lakefs/types.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

// User metadata that tells, on every replica and after a restart, which
// request_id an object came by.
inline constexpr char kRequestIdKey[] = "lakefs-staging-request-id";

// User metadata that tells what one call has sent through lakeFS from all else,
// since there is no address beforehand.
inline constexpr char kUploadIdKey[] = "lakefs-staging-upload-id";

// User metadata that tells which checksum an object was to replace: what its
// upload gave as if_match. So who was replaced knows that it stood there.
inline constexpr char kReplacesKey[] = "lakefs-staging-replaces";

// The checksum that the object was to replace, if that was told.
std::optional<std::string> ReplacedBy(const UserMetadata& metadata);

// Whether the object was to replace one of this checksum.
bool Replaces(const ObjectStats& stats, const std::string& checksum);

// The user metadata of the object: the caller's, the request_id, and what it
// replaces.
UserMetadata MarkedMetadata(const UploadRequest& request);

// Whether the object that stands at the path of `request` was linked by a call
// with its request_id.
bool CameBy(const UploadRequest& request, const ObjectStats& stats);

// Whether both were linked by calls with the same request_id.
bool CameBySame(const UserMetadata& a, const UserMetadata& b);

// Whether both were sent through lakeFS by the same call.
bool SameUpload(const UserMetadata& a, const UserMetadata& b);

// Whether both are the same but for what tells calls through lakeFS apart.
bool SameMetadata(UserMetadata a, UserMetadata b);

// Whether both ask for the same object, under the same conditions.
bool SameHeader(const UploadRequest& a, const UploadRequest& b);

// Whether the object is the one that `request` asks for, as far as can be told.
bool SameHeader(const UploadRequest& request, const ObjectStats& stats);

// The error of a request_id that was used for another header.
absl::Status OtherHeader();

}  // namespace lakefs::gateway
