#include "tests/emulator/gcs_store.h"

#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/emulator/crc32c.h"
#include "tests/emulator/digest.h"
#include "tests/emulator/s3_store.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kFormat = "%E4Y%m%dT%H%M%SZ";
constexpr absl::string_view kAccount =
    "lakefs@testproject.iam.gserviceaccount.com";

std::string KeyOf(absl::string_view address) {
  absl::ConsumePrefix(&address, "gs://");
  return std::string(address);
}

}  // namespace

GcsStore::GcsStore(const EmulatorOptions& options)
    : now_(options.now),
      lifetime_(options.presign_lifetime),
      policy_(ContentPolicyOf(options)),
      secret_(options.store_secret_access_key) {}

std::string GcsStore::NamespaceOf(absl::string_view repository) const {
  return absl::StrCat("gs://lake/", repository);
}

StoredObject GcsStore::Put(const std::string& address, Content content,
                           const std::string& content_type) {
  StoredObject stored{Hex(ETagBytes(content, policy_)), content.size_bytes};
  blobs_.Put(KeyOf(address),
             {std::move(content), absl::StrCat("\"", stored.checksum, "\""),
              content_type, ""});
  return stored;
}

std::optional<Content> GcsStore::Get(const std::string& address) const {
  std::optional<Blob> blob = blobs_.Get(KeyOf(address));
  return blob.has_value() ? std::optional(blob->content) : std::nullopt;
}

absl::StatusOr<std::string> GcsStore::Presign(absl::string_view method,
                                              const std::string& address) {
  std::string key = KeyOf(address);
  std::string date =
      absl::FormatTime(kFormat, absl::FromChrono(now_()), absl::UTCTimeZone());
  // One second less than the expiry that lakeFS tells.
  std::string lifetime = absl::StrCat(lifetime_.count() - 1);
  return absl::StrCat(
      "http://", host(), "/", PercentEncode(key, /*keep_slash=*/true),
      "?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Credential=",
      PercentEncode(absl::StrCat(kAccount, "/", date.substr(0, 8),
                                 "/auto/storage/goog4_request")),
      "&X-Goog-Date=", date, "&X-Goog-Expires=", lifetime,
      "&X-Goog-Signature=", Signature(method, host(), key, date, lifetime),
      "&X-Goog-SignedHeaders=host");
}

// 256 bytes like those of an RSA key, though made with a shared one: clients
// can't check it anyway.
std::string GcsStore::Signature(absl::string_view method,
                                absl::string_view host, absl::string_view key,
                                absl::string_view date,
                                absl::string_view lifetime) const {
  std::string block =
      absl::StrCat(method, "\n", host, "\n", key, "\n", date, "\n", lifetime);
  std::string signature;
  for (int i = 0; i < 8; ++i) {
    block = HmacSha256(secret_, block);
    signature += block;
  }
  return Hex(signature);
}

std::string GcsStore::OperationOf(const HttpRequest& request) const {
  if (request.method == "PUT") return "storePut";
  if (request.method == "GET") return "storeGet";
  return request.method == "HEAD" ? "storeHead" : "store";
}

HttpResponse GcsStore::Handle(HttpRequest& request) {
  std::string path = PercentDecode(request.path, /*plus_is_space=*/false);
  std::string key = path.substr(1);
  std::string date = request.Query("X-Goog-Date");
  std::string lifetime = request.Query("X-Goog-Expires");
  absl::Time made;
  int64_t seconds = 0;
  if (!absl::ParseTime(kFormat, date, &made, nullptr) ||
      !absl::SimpleAtoi(lifetime, &seconds) ||
      request.Query("X-Goog-Signature") != Signature(request.method,
                                                     request.Header("host"),
                                                     key, date, lifetime)) {
    return S3ErrorReply(403, "SignatureDoesNotMatch", "Access denied.", path);
  }
  if (absl::FromChrono(request.arrived) > made + absl::Seconds(seconds)) {
    return S3ErrorReply(403, "AccessDenied", "Request has expired", path);
  }
  return request.method == "PUT" ? PutObject(key, request)
                                 : GetObject(key, request);
}

HttpResponse GcsStore::PutObject(const std::string& key, HttpRequest& request) {
  if (request.Header("content-length").empty()) {
    return S3ErrorReply(411, "MissingContentLength",
                        "You must provide the Content-Length HTTP header.",
                        key);
  }
  std::string md5 = absl::Base64Escape(request.content.md5);
  std::string claimed = request.Header("content-md5");
  if (!claimed.empty() && claimed != md5) {
    return S3ErrorReply(400, "BadDigest",
                        "The MD5 you specified did not match what we received.",
                        key);
  }
  Blob blob;
  blob.etag =
      absl::StrCat("\"", Hex(ETagBytes(request.content, policy_)), "\"");
  blob.content_type = request.Header("content-type");
  HttpResponse reply;
  reply.headers["Etag"] = blob.etag;
  std::string hashes = absl::StrCat(
      "crc32c=", absl::Base64Escape(Crc32cBytes(request.content.crc32c)));
  if (!md5.empty()) absl::StrAppend(&hashes, ",md5=", md5);
  reply.headers["x-goog-hash"] = hashes;
  blob.content = std::move(request.content);
  blobs_.Put(key, std::move(blob));
  return reply;
}

HttpResponse GcsStore::GetObject(const std::string& key,
                                 const HttpRequest& request) const {
  std::optional<Blob> blob = blobs_.Get(key);
  if (!blob.has_value()) {
    return S3ErrorReply(404, "NoSuchKey", "The specified key does not exist.",
                        key);
  }
  HttpResponse reply;
  reply.headers["Etag"] = blob->etag;
  reply.headers["Content-Type"] = blob->content_type.empty()
                                      ? "application/octet-stream"
                                      : blob->content_type;
  ServeContent(request, blob->content, reply);
  return reply;
}

}  // namespace lakefs::gateway::testing
