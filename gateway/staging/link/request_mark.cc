#include "gateway/staging/link/request_mark.h"

#include "gateway/base/error.h"

namespace lakefs::gateway {

namespace {

bool SameMark(const UserMetadata& a, const UserMetadata& b, const char* key) {
  const auto in_a = a.find(key);
  const auto in_b = b.find(key);
  return in_a != a.end() && in_b != b.end() && in_a->second == in_b->second;
}

}  // namespace

std::optional<std::string> ReplacedBy(const UserMetadata& metadata) {
  const auto mark = metadata.find(kReplacesKey);
  if (mark == metadata.end()) return std::nullopt;
  return mark->second;
}

bool Replaces(const ObjectStats& stats, const std::string& checksum) {
  return ReplacedBy(stats.user_metadata) == checksum;
}

bool CameBySame(const UserMetadata& a, const UserMetadata& b) {
  return SameMark(a, b, kRequestIdKey);
}

bool SameUpload(const UserMetadata& a, const UserMetadata& b) {
  return SameMark(a, b, kUploadIdKey);
}

bool SameMetadata(UserMetadata a, UserMetadata b) {
  a.erase(kUploadIdKey);
  b.erase(kUploadIdKey);
  return a == b;
}

bool SameHeader(const UploadRequest& a, const UploadRequest& b) {
  return a.object == b.object && a.content_type == b.content_type &&
         a.user_metadata == b.user_metadata && a.size_bytes == b.size_bytes &&
         a.if_absent == b.if_absent && a.if_match == b.if_match &&
         a.force == b.force && a.mtime == b.mtime;
}

bool CameBy(const UploadRequest& request, const ObjectStats& stats) {
  return CameBySame(MarkedMetadata(request), stats.user_metadata);
}

UserMetadata MarkedMetadata(const UploadRequest& request) {
  UserMetadata metadata = request.user_metadata;
  if (!request.request_id.empty()) {
    metadata[kRequestIdKey] = request.request_id;
  }
  if (request.if_match) metadata[kReplacesKey] = *request.if_match;
  return metadata;
}

bool SameHeader(const UploadRequest& request, const ObjectStats& stats) {
  return SameMetadata(MarkedMetadata(request), stats.user_metadata) &&
         (!request.size_bytes || !stats.size_bytes ||
          *request.size_bytes == *stats.size_bytes) &&
         (request.content_type.empty() ||
          request.content_type == stats.content_type);
}

absl::Status OtherHeader() {
  return InvalidRequest(
      {{"header.request_id",
        "was used for an upload with another header; every upload needs a "
        "request_id of its own"}});
}

}  // namespace lakefs::gateway
