#include "tests/emulator/multipart_uploads.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr size_t kSmallestPart = 5 << 20;
constexpr int kMaxPartNumber = 10'000;

constexpr S3Error kInvalidPart = {
    400, "InvalidPart",
    "One or more of the specified parts could not be found.  The part may not "
    "have been uploaded, or the specified entity tag may not match the part's "
    "entity tag."};
constexpr S3Error kInvalidPartOrder = {
    400, "InvalidPartOrder",
    "The list of parts was not in ascending order. The parts list must be "
    "specified in order by part number."};
constexpr S3Error kEntityTooSmall = {
    400, "EntityTooSmall",
    "Your proposed upload is smaller than the minimum allowed object size."};
constexpr S3Error kInvalidArgument = {
    400, "InvalidArgument",
    "Part number must be an integer between 1 and 10000, inclusive"};

bool IsNotBefore(const CompletedPart& a, const CompletedPart& b) {
  return a.number >= b.number;
}

std::string Unquoted(absl::string_view etag) {
  absl::ConsumePrefix(&etag, "\"");
  absl::ConsumeSuffix(&etag, "\"");
  return std::string(etag);
}

}  // namespace

std::string MultipartUploads::Create(const std::string& key) {
  absl::MutexLock lock(&mu_);
  std::string id = absl::WebSafeBase64Escape(
      absl::StrCat("upload-", ++next_, "-", Hex(Md5(key))));
  uploads_[id].key = key;
  return id;
}

S3Error MultipartUploads::PutPart(const std::string& key,
                                  const std::string& upload_id, int number,
                                  Content content, std::string& etag) {
  if (number < 1 || number > kMaxPartNumber) return kInvalidArgument;
  Part part{std::move(content), {}};
  part.etag_bytes = ETagBytes(part.content, policy_);
  etag = absl::StrCat("\"", Hex(part.etag_bytes), "\"");
  absl::MutexLock lock(&mu_);
  auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) {
    return kNoSuchUpload;
  }
  upload->second.parts[number] = std::move(part);
  return {};
}

S3Error MultipartUploads::Complete(const std::string& key,
                                   const std::string& upload_id,
                                   const std::vector<CompletedPart>& parts,
                                   Content& whole, std::string& etag) {
  absl::MutexLock lock(&mu_);
  auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) {
    return kNoSuchUpload;
  }
  auto disorder = std::adjacent_find(parts.begin(), parts.end(), IsNotBefore);
  if (disorder != parts.end()) return kInvalidPartOrder;
  std::map<int, Part>& stored = upload->second.parts;
  std::string etag_bytes;
  std::vector<Content> pieces;
  for (size_t i = 0; i < parts.size(); ++i) {
    auto part = stored.find(parts[i].number);
    if (part == stored.end() ||
        Unquoted(parts[i].etag) != Hex(part->second.etag_bytes)) {
      return kInvalidPart;
    }
    if (i + 1 < parts.size() &&
        part->second.content.size_bytes < kSmallestPart) {
      return kEntityTooSmall;
    }
    etag_bytes += part->second.etag_bytes;
    pieces.push_back(part->second.content);
  }
  whole = Joined(pieces);
  etag = absl::StrCat("\"", Hex(Md5(etag_bytes)), "-", parts.size(), "\"");
  uploads_.erase(upload);
  return {};
}

bool MultipartUploads::Abort(const std::string& key,
                             const std::string& upload_id) {
  absl::MutexLock lock(&mu_);
  auto upload = uploads_.find(upload_id);
  if (upload == uploads_.end() || upload->second.key != key) return false;
  uploads_.erase(upload);
  return true;
}

int MultipartUploads::Open() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(uploads_.size());
}

}  // namespace lakefs::gateway::testing
