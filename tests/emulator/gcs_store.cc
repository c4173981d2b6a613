#include "tests/emulator/gcs_store.h"

#include <cstdint>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
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
      secret_(options.store_secret_access_key) {}

std::string GcsStore::NamespaceOf(absl::string_view repository) const {
  return absl::StrCat("gs://lake/", repository);
}

StoredObject GcsStore::Put(const std::string& address, std::string bytes,
                           const std::string& content_type) {
  StoredObject stored{Hex(Md5(bytes)), bytes.size()};
  blobs_.Put(KeyOf(address),
             {std::make_shared<const std::string>(std::move(bytes)),
              absl::StrCat("\"", stored.checksum, "\""), content_type, ""});
  return stored;
}

std::shared_ptr<const std::string> GcsStore::Get(
    const std::string& address) const {
  return blobs_.Get(KeyOf(address)).bytes;
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
  HttpResponse reply;
  if (request.method == "PUT") {
    if (request.Header("content-length").empty()) {
      return S3ErrorReply(411, "MissingContentLength",
                          "You must provide the Content-Length HTTP header.",
                          path);
    }
    std::string md5 = request.Header("content-md5");
    if (!md5.empty() && md5 != absl::Base64Escape(Md5(request.body))) {
      return S3ErrorReply(400, "BadDigest",
                          "The MD5 you specified did not match what we "
                          "received.",
                          path);
    }
    Blob blob;
    blob.etag = Md5ETag(request.body);
    blob.content_type = request.Header("content-type");
    reply.headers["Etag"] = blob.etag;
    reply.headers["x-goog-hash"] =
        absl::StrCat("crc32c=", absl::Base64Escape(Crc32c(request.body)),
                     ",md5=", absl::Base64Escape(Md5(request.body)));
    blob.bytes = std::make_shared<const std::string>(std::move(request.body));
    blobs_.Put(key, std::move(blob));
    return reply;
  }
  Blob blob = blobs_.Get(key);
  if (blob.bytes == nullptr) {
    return S3ErrorReply(404, "NoSuchKey", "The specified key does not exist.",
                        path);
  }
  reply.headers["Etag"] = blob.etag;
  reply.headers["Content-Type"] = blob.content_type.empty()
                                      ? "application/octet-stream"
                                      : blob.content_type;
  reply.body = *blob.bytes;
  return reply;
}

}  // namespace lakefs::gateway::testing
