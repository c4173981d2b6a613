#include "gateway/objectstore/store_client.h"

#include <openssl/evp.h>

#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/error.h"
#include "gateway/base/excerpt.h"

namespace lakefs::gateway {
namespace {

absl::Status OtherBytes(absl::string_view what) {
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("the object store acknowledged other bytes "
                                "than were sent: ",
                                what),
                   Reason::kChecksumMismatch);
}

// The failure of a store that no request gets to, with what may help.
absl::Status Unreachable(const absl::Status& failure, StoreAccess access) {
  if (absl::IsCancelled(failure) || absl::IsDeadlineExceeded(failure)) {
    return failure;
  }
  return MakeError(
      failure.code(),
      absl::StrCat(
          failure.message(),
          access == StoreAccess::kOwnKeys
              ? "; --s3-endpoint names the store"
              : "; lakeFS signs its URLs for that host: if the gateway "
                "cannot reach it, --presign=off has the bytes go by "
                "keys of its own or through lakeFS"),
      DetailsOf(failure));
}

// Calls `take` with the rope's bytes, piece by piece.
template <typename Take>
absl::Status ForEachPiece(const Rope& bytes, Take take) {
  const auto read = bytes.Reader();
  std::string buffer(256 * 1024, '\0');
  while (true) {
    const auto n = read({buffer.data(), buffer.size()});
    if (!n.ok()) return n.status();
    if (*n == 0) return absl::OkStatus();
    take(absl::string_view(buffer.data(), *n));
  }
}

absl::StatusOr<std::string> Md5Of(const Rope& bytes) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> md5(
      EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EVP_DigestInit_ex(md5.get(), EVP_md5(), nullptr);
  const auto read = ForEachPiece(bytes, [&md5](absl::string_view piece) {
    EVP_DigestUpdate(md5.get(), piece.data(), piece.size());
  });
  if (!read.ok()) return read;
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(md5.get(), digest, &size);
  return std::string(reinterpret_cast<char*>(digest), size);
}

absl::StatusOr<uint32_t> Crc32cOf(const Rope& bytes) {
  if (bytes.crc32c()) return *bytes.crc32c();
  uint32_t crc = 0;
  const auto read = ForEachPiece(bytes, [&crc](absl::string_view piece) {
    crc = ExtendCrc32c(crc, piece);
  });
  if (!read.ok()) return read;
  return crc;
}

// Google's "crc32c=BASE64,md5=BASE64": the CRC32C, big-endian.
std::optional<uint32_t> GoogleCrc32c(absl::string_view header) {
  for (absl::string_view field : absl::StrSplit(header, ',')) {
    field = absl::StripAsciiWhitespace(field);
    std::string crc;
    if (!absl::ConsumePrefix(&field, "crc32c=") ||
        !absl::Base64Unescape(field, &crc) || crc.size() != 4) {
      continue;
    }
    uint32_t value = 0;
    for (const char c : crc) value = value << 8 | static_cast<uint8_t>(c);
    return value;
  }
  return std::nullopt;
}

// Buckets that are remembered; past it, all are forgotten.
constexpr size_t kMaxBuckets = 1024;

// The host of a URL and the first segment of its path: the bucket, however it
// is addressed.
std::string BucketOf(absl::string_view url) {
  const size_t host = url.find("://");
  if (host == absl::string_view::npos) return "";
  const size_t path = url.find('/', host + 3);
  if (path == absl::string_view::npos) return std::string(url);
  return std::string(url.substr(0, url.find_first_of("/?", path + 1)));
}

// Objects that are encrypted by a key of the customer's have ETags that look
// like MD5s and are none.
bool EtagIsNoMd5(const HttpResponse& response) {
  return absl::StartsWith(response.Header("x-amz-server-side-encryption"),
                          "aws:kms") ||
         !response.Header("x-amz-server-side-encryption-customer-algorithm")
              .empty();
}

bool IsMd5Hex(absl::string_view etag) {
  return etag.size() == 32 &&
         etag.find_first_not_of("0123456789abcdef") == absl::string_view::npos;
}

}  // namespace

absl::StatusOr<HttpResponse> StoreClient::Send(const CallContext& context,
                                               HttpRequest request) {
  request.timeout = options_.timeout;
  return Exchange(context, request);
}

absl::StatusOr<HttpResponse> StoreClient::Complete(const CallContext& context,
                                                   HttpRequest request) {
  request.timeout = options_.complete_timeout;
  auto response = Exchange(context, request);
  if (!response.ok()) return OfParts(response.status());
  return response;
}

absl::StatusOr<HttpResponse> StoreClient::Exchange(const CallContext& context,
                                                   const HttpRequest& request) {
  auto response = http_.Send(context, request);
  if (!response.ok()) {
    return NeverLeft(response.status())
               ? Unreachable(response.status(), access_)
               : response.status();
  }
  if (!response->Succeeded()) {
    return StoreError(request.operation, *response, access_);
  }
  return response;
}

absl::StatusOr<HttpResponse> StoreClient::Put(const CallContext& context,
                                              HttpRequest request,
                                              const Rope& bytes) {
  std::string md5 = bytes.md5();
  if (md5.empty() && options_.content_md5) {
    auto computed = Md5Of(bytes);
    if (!computed.ok()) return computed.status();
    md5 = *std::move(computed);
  }
  if (!md5.empty()) {
    request.headers.push_back({"Content-MD5", absl::Base64Escape(md5)});
  }
  bytes.AttachTo(request);
  request.stall_timeout = options_.stall_timeout;
  request.timeout =
      request.stream ? std::chrono::milliseconds(0) : options_.timeout;
  const std::string bucket = BucketOf(request.url);
  auto response = Exchange(context, request);
  if (!response.ok()) return response;
  if (auto s = CheckStored(bucket, *response, bytes, md5); !s.ok()) return s;
  return response;
}

absl::Status StoreClient::CheckStored(const std::string& bucket,
                                      const HttpResponse& response,
                                      const Rope& bytes,
                                      const std::string& md5) {
  if (const auto said = GoogleCrc32c(response.Header("x-goog-hash"))) {
    const auto crc = Crc32cOf(bytes);
    if (!crc.ok()) return crc.status();
    if (*crc != *said) return OtherBytes("its CRC32C differs");
  }
  if (md5.empty() || EtagIsNoMd5(response)) return absl::OkStatus();
  const std::string etag = EtagOf(response);
  const bool fits = etag == absl::BytesToHexString(md5);
  if (EtagsAreMd5(bucket, fits) && !fits && IsMd5Hex(etag)) {
    return OtherBytes("its ETag is another MD5");
  }
  return absl::OkStatus();
}

// Whether the bucket's ETags are MD5s, as one has just `proven` or did before.
bool StoreClient::EtagsAreMd5(const std::string& bucket, bool proven) {
  absl::MutexLock lock(&mu_);
  if (!proven) return md5_buckets_.contains(bucket);
  if (md5_buckets_.size() >= kMaxBuckets) md5_buckets_.clear();
  md5_buckets_.insert(bucket);
  return true;
}

std::string EtagOf(const HttpResponse& response) {
  absl::string_view etag = absl::StripAsciiWhitespace(response.Header("etag"));
  absl::ConsumePrefix(&etag, "W/");
  absl::ConsumePrefix(&etag, "\"");
  absl::ConsumeSuffix(&etag, "\"");
  return std::string(absl::StripAsciiWhitespace(etag));
}

absl::StatusOr<StoredObject> Acknowledged(const HttpResponse& response) {
  const std::string etag = EtagOf(response);
  if (etag.empty()) {
    return MakeError(
        absl::StatusCode::kFailedPrecondition,
        "the object store acknowledged the bytes without an ETag, which is "
        "what "
        "lakeFS is told as their checksum; a proxy before the store may drop "
        "it, and some emulators of stores send none",
        Reason::kStoreRejected);
  }
  std::string md5;
  const bool has_md5 =
      absl::Base64Unescape(response.Header("content-md5"), &md5) &&
      md5.size() == 16;
  return StoredObject{.checksum = has_md5 ? absl::BytesToHexString(md5) : etag,
                      .etag = etag};
}

absl::Status OfParts(const absl::Status& failure) {
  ErrorDetails details = DetailsOf(failure);
  const std::string& code = details.metadata["storeErrorCode"];
  if (code != "InvalidPart" && code != "InvalidPartOrder" &&
      code != "EntityTooSmall" && code != "InvalidBlockList") {
    return failure;
  }
  details.reason = Reason::kChecksumMismatch;
  return MakeError(absl::StatusCode::kDataLoss,
                   absl::StrCat("the store does not have the parts that it "
                                "acknowledged: ",
                                failure.message()),
                   details);
}

}  // namespace lakefs::gateway
