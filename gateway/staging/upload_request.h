// What a caller asks for.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gateway/base/error.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// The header of an upload.
struct UploadRequest {
  ObjectPath object;
  std::string content_type;  // empty: lakeFS's default
  UserMetadata user_metadata;
  std::optional<int64_t> size_bytes;
  bool if_absent = false;
  // The checksum that has to stand at the path.
  std::optional<std::string> if_match;
  bool force = false;
  std::optional<WallTime> mtime;
  std::string request_id;
  // Which call with this request_id it is, from 1; 0 if that is not known.
  uint32_t attempt = 0;
  // Whether the finish will bring a digest. Needed for objects over one part,
  // whose bytes are gone when it comes.
  bool sha256_follows = false;
  bool md5_follows = false;
  // Whether the caller takes checkpoints.
  bool resumable = false;
  // Of the upload to go on with; empty: a new one. A secret.
  std::string resume_token;
  // Who calls, as far as the transport vouches for it: what a token that is
  // given out is bound to.
  std::string caller;
};

// Whether a complete cannot do for this upload what a link does.
inline bool NeedsLink(const UploadRequest& request) {
  return request.if_absent || request.if_match.has_value() || request.force ||
         request.mtime.has_value();
}

// Whether an earlier call, at another gateway maybe, may have done it.
inline bool MayBeRepetition(const UploadRequest& request) {
  return !request.request_id.empty() && request.attempt != 1;
}

// Limits of a request. Those of lakeFS's own are its own; the others keep a
// request to what HTTP headers and one JSON body carry everywhere.
struct RequestLimits {
  static constexpr size_t kPathBytes = 1024;  // lakeFS refuses longer ones
  static constexpr size_t kBranchBytes = 1024;
  static constexpr size_t kContentTypeBytes = 256;
  static constexpr size_t kMetadataEntries = 64;
  static constexpr size_t kMetadataKeyBytes = 256;
  static constexpr size_t kMetadataBytes = 8 * 1024;
  static constexpr size_t kRequestIdBytes = 128;
  static constexpr size_t kChecksumBytes = 1024;
  static constexpr size_t kResumeEtagBytes = 64;  // of each part's ETag
  // What a token of 10,000 parts may have: the ETag of each after its length,
  // and the rest, of which the address, the upload's id and the path are most.
  static constexpr size_t kResumeTokenBytes =
      10'000 * (1 + kResumeEtagBytes) + (16 << 10);
  static constexpr size_t kChunkBytes = 4 << 20;
  static constexpr int64_t kObjectBytes = int64_t{5} << 40;
};

// What is wrong with each, all of it; `prefix` is the field's path in the
// proto. Empty if nothing is.
std::vector<FieldViolation> Violations(const ObjectPath& object,
                                       const std::string& prefix);
std::vector<FieldViolation> Violations(const UploadRequest& request);
std::vector<FieldViolation> Violations(const StagingMetadata& metadata);
std::vector<FieldViolation> Violations(const WriteCondition& condition,
                                       const std::string& prefix);
std::vector<FieldViolation> TokenViolations(const std::string& resume_token);
std::vector<FieldViolation> Violations(const std::string& request_id,
                                       const std::optional<ObjectPath>& object);

}  // namespace lakefs::gateway
