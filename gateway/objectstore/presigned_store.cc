#include "gateway/objectstore/presigned_store.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

constexpr char kOperation[] = "storePut";

// The text of <Code> in an error's XML; empty if there is none.
std::string StoreErrorCode(absl::string_view body) {
  const size_t begin = body.find("<Code>");
  if (begin == absl::string_view::npos) return "";
  body.remove_prefix(begin + 6);
  const size_t end = body.find("</Code>");
  return end == absl::string_view::npos ? "" : Excerpt(body.substr(0, end));
}

absl::Status StoreError(const HttpResponse& response) {
  ErrorDetails details;
  details.metadata = {{"operation", kOperation},
                      {"upstreamHttpStatus", absl::StrCat(response.status)}};
  std::string code = StoreErrorCode(response.body);
  if (code.empty()) code = std::string(response.Header("x-ms-error-code"));
  if (!code.empty()) details.metadata["storeErrorCode"] = code;
  const std::string message =
      absl::StrCat("the object store answered the PUT with ", response.status,
                   code.empty() ? "" : absl::StrCat(": ", code));
  if (response.status >= 500 || response.status == 429 ||
      response.status == 408) {
    details.reason = Reason::kUpstreamUnavailable;
    return MakeError(absl::StatusCode::kUnavailable, message,
                     std::move(details));
  }
  details.reason = Reason::kStoreRejected;
  return MakeError(response.status == 403 ? absl::StatusCode::kPermissionDenied
                                          : absl::StatusCode::kInternal,
                   message, std::move(details));
}

}  // namespace

std::string ChecksumOf(const HttpResponse& response) {
  std::string md5;
  if (absl::Base64Unescape(response.Header("content-md5"), &md5) &&
      md5.size() == 16) {
    return absl::BytesToHexString(md5);
  }
  return EtagOf(response);
}

std::string EtagOf(const HttpResponse& response) {
  absl::string_view etag = absl::StripAsciiWhitespace(response.Header("etag"));
  absl::ConsumePrefix(&etag, "W/");
  absl::ConsumePrefix(&etag, "\"");
  absl::ConsumeSuffix(&etag, "\"");
  return std::string(absl::StripAsciiWhitespace(etag));
}

PresignedStore::PresignedStore(HttpClient& http, PresignedStoreOptions options)
    : http_(http), options_(options) {}

absl::StatusOr<StoredObject> PresignedStore::Put(
    const CallContext& context, const StagingLocation& location,
    const Rope& bytes) {
  if (!location.presigned_url) {
    return MakeError(absl::StatusCode::kInternal,
                     "lakeFS gave out an address without a presigned URL",
                     Reason::kUpstreamUnimplemented);
  }
  const std::chrono::seconds transfer(bytes.size_bytes() /
                                      options_.least_rate_bytes_per_second);
  HttpRequest request{.operation = kOperation,
                      .method = HttpMethod::kPut,
                      .url = *location.presigned_url,
                      .timeout = options_.timeout + transfer};
  if (absl::StartsWith(location.physical_address, "https://")) {  // Azure
    request.headers.push_back({"x-ms-blob-type", "BlockBlob"});
  }
  bytes.AttachTo(request);
  const auto response = http_.Send(context, request);
  if (!response.ok()) return response.status();
  if (response->status < 200 || response->status >= 300) {
    return StoreError(*response);
  }
  StoredObject stored{.checksum = ChecksumOf(*response),
                      .etag = EtagOf(*response)};
  if (stored.checksum.empty()) {
    return MakeError(absl::StatusCode::kDataLoss,
                     "the object store acknowledged the PUT without an ETag",
                     Reason::kStoreRejected);
  }
  return stored;
}

absl::StatusOr<std::unique_ptr<PartedUpload>> PresignedStore::BeginParts(
    const CallContext&, const StagingLocation&, int64_t) {
  return MakeError(absl::StatusCode::kUnimplemented,
                   "this store takes no parts at one presigned URL",
                   Reason::kUpstreamUnimplemented);
}

}  // namespace lakefs::gateway
