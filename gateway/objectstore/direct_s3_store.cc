#include "gateway/objectstore/direct_s3_store.h"

#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// The text of the first element of that name; empty if there is none. S3's
// answers are flat where we look, and hold no escapes there.
std::string Element(absl::string_view xml, absl::string_view name) {
  const std::string open = absl::StrCat("<", name, ">");
  const size_t begin = xml.find(open);
  if (begin == absl::string_view::npos) return "";
  xml.remove_prefix(begin + open.size());
  return std::string(xml.substr(0, xml.find('<')));
}

absl::Status Unreadable(absl::string_view operation) {
  return MakeError(absl::StatusCode::kUnavailable,
                   absl::StrCat("the object store answered ", operation,
                                " with a body that cannot be read"),
                   Reason::kUpstreamConnectionLost);
}

std::vector<HttpHeader> HeadersFor(const std::string& content_type) {
  if (content_type.empty()) return {};
  return {{"Content-Type", content_type}};
}

bool IsNoSuchUpload(const absl::Status& status) {
  return DetailsOf(status).metadata["storeErrorCode"] == "NoSuchUpload";
}

}  // namespace

// A multipart upload that S3 has begun.
class DirectS3Store::Multipart final : public PartedUpload {
 public:
  Multipart(DirectS3Store& store, std::string url, std::string upload_id)
      : store_(store), url_(std::move(url)), upload_id_(std::move(upload_id)) {}

  // Takes parts for put that an earlier call has.
  void Hold(std::span<const StoredPart> parts, int64_t part_bytes) {
    absl::MutexLock lock(&mu_);
    for (const StoredPart& part : parts) {
      sizes_[part.number] = static_cast<uint64_t>(part_bytes);
    }
  }

  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override {
    const auto response = store_.client_.Put(
        context,
        {.operation = "storePutPart",
         .method = HttpMethod::kPut,
         .url = Url(absl::StrCat("partNumber=", number, "&"))},
        bytes);
    if (!response.ok()) return response.status();
    auto stored = Acknowledged(*response);
    if (!stored.ok()) return stored.status();
    absl::MutexLock lock(&mu_);
    sizes_[number] = bytes.size_bytes();
    return StoredPart{.number = number, .etag = std::move(stored->etag)};
  }

  absl::StatusOr<StoredObject> Complete(
      const CallContext& context, std::span<const StoredPart> parts) override {
    HttpRequest request{.operation = "storeCompleteMultipartUpload",
                        .method = HttpMethod::kPost,
                        .url = Url(""),
                        .headers = {{"Content-Type", "application/xml"}}};
    // A second one would be told of no such upload, and nobody of the first.
    request.repeatable = false;
    request.body = "<CompleteMultipartUpload>";
    for (const StoredPart& part : parts) {
      absl::StrAppend(&request.body, "<Part><PartNumber>", part.number,
                      "</PartNumber><ETag>\"", part.etag, "\"</ETag></Part>");
    }
    request.body += "</CompleteMultipartUpload>";
    const auto response = store_.client_.Complete(context, std::move(request));
    if (!response.ok()) {
      return (lost_ || shared_) && IsNoSuchUpload(response.status())
                 ? AsItStands(context, response.status(), parts)
                 : Lost(response.status());
    }
    // The store may find out that it fails after it has said 200.
    if (absl::StrContains(response->body, "<Error>")) {
      HttpResponse failure = *response;
      failure.status = 500;
      return Lost(OfParts(StoreError("storeCompleteMultipartUpload", failure,
                                     StoreAccess::kOwnKeys)));
    }
    const std::string etag = EtagInXml(Element(response->body, "ETag"));
    if (etag.empty()) {
      return Lost(Unreadable("storeCompleteMultipartUpload"));
    }
    return StoredObject{.checksum = etag, .etag = etag};
  }

  absl::Status Abort(const CallContext& context) override {
    const absl::Status status =
        store_.client_
            .Send(context, {.operation = "storeAbortMultipartUpload",
                            .method = HttpMethod::kDelete,
                            .url = Url("")})
            .status();
    return IsNoSuchUpload(status) ? absl::OkStatus() : status;
  }

  std::string Share() override {
    shared_ = true;
    return upload_id_;
  }

 private:
  std::string Url(absl::string_view parameters) const {
    return absl::StrCat(url_, "?", parameters,
                        "uploadId=", PercentEncode(upload_id_));
  }

  absl::Status Lost(const absl::Status& failure) {
    lost_ = true;
    return failure;
  }

  // A complete whose answer was lost may have worked. Nobody else puts to this
  // address, so what stands there is it, if it has all the bytes; where others
  // may have gone on with the upload, if they are those of these parts.
  absl::StatusOr<StoredObject> AsItStands(const CallContext& context,
                                          const absl::Status& failure,
                                          std::span<const StoredPart> parts) {
    const auto response =
        store_.client_.Send(context, {.operation = "storeGet",
                                      .url = url_,
                                      .headers = {{"Range", "bytes=0-0"}}});
    if (!response.ok()) {
      return ReasonOf(response.status()) == Reason::kStoreRejected
                 ? failure
                 : response.status();
    }
    const std::string etag = EtagOf(*response);
    if (etag.empty() || !HasAllBytes(*response)) return failure;
    if (shared_ && etag != CompositeChecksum(parts)) return failure;
    return StoredObject{.checksum = etag, .etag = etag};
  }

  // By the whole size that the answer to a Range tells: "bytes 0-0/SIZE".
  bool HasAllBytes(const HttpResponse& response) {
    const std::pair<absl::string_view, absl::string_view> range =
        absl::StrSplit(response.Header("content-range"),
                       absl::MaxSplits('/', 1));
    uint64_t size = 0;
    if (!absl::SimpleAtoi(range.second, &size)) return true;
    absl::MutexLock lock(&mu_);
    for (const auto& [number, bytes] : sizes_) size -= bytes;
    return size == 0;
  }

  static std::string EtagInXml(const std::string& text) {
    absl::string_view etag = text;
    for (const absl::string_view quote : {"&quot;", "&#34;", "\""}) {
      absl::ConsumePrefix(&etag, quote);
      absl::ConsumeSuffix(&etag, quote);
    }
    return std::string(etag);
  }

  DirectS3Store& store_;
  const std::string url_;
  const std::string upload_id_;
  bool lost_ = false;    // an answer to Complete
  bool shared_ = false;  // others may go on with it
  absl::Mutex mu_;
  std::map<int, uint64_t> sizes_ ABSL_GUARDED_BY(mu_);  // of parts
};

DirectS3Store::DirectS3Store(HttpClient& http, DirectS3Options options)
    : options_(std::move(options)),
      signing_(http, options_.keys),
      client_(signing_, options_.store, StoreAccess::kOwnKeys) {}

absl::StatusOr<StoredObject> DirectS3Store::Put(
    const CallContext& context, const StagingLocation& location,
    const Rope& bytes, const std::string& content_type) {
  auto url = UrlOf(location);
  if (!url.ok()) return url.status();
  const auto response = client_.Put(context,
                                    {.operation = "storePut",
                                     .method = HttpMethod::kPut,
                                     .url = *std::move(url),
                                     .headers = HeadersFor(content_type)},
                                    bytes);
  if (!response.ok()) return response.status();
  return Acknowledged(*response);
}

absl::StatusOr<std::unique_ptr<PartedUpload>> DirectS3Store::BeginParts(
    const CallContext& context, const StagingLocation& location, int64_t,
    const std::string& content_type) {
  constexpr char kOperation[] = "storeCreateMultipartUpload";
  auto url = UrlOf(location);
  if (!url.ok()) return url.status();
  HttpRequest request{.operation = kOperation,
                      .method = HttpMethod::kPost,
                      .url = absl::StrCat(*url, "?uploads="),
                      .headers = HeadersFor(content_type)};
  request.repeatable = false;  // each begins an upload, and one is known
  const auto response = client_.Send(context, std::move(request));
  if (!response.ok()) return response.status();
  std::string upload_id = Element(response->body, "UploadId");
  if (upload_id.empty()) return Unreadable(kOperation);
  return std::make_unique<Multipart>(*this, *std::move(url),
                                     std::move(upload_id));
}

absl::StatusOr<std::unique_ptr<PartedUpload>> DirectS3Store::GoOnWithParts(
    const StagingLocation& location, const std::string& upload_id,
    int64_t part_bytes, std::span<const StoredPart> parts) {
  auto url = UrlOf(location);
  if (!url.ok()) return url.status();
  auto upload = std::make_unique<Multipart>(*this, *std::move(url), upload_id);
  upload->Hold(parts, part_bytes);
  return upload;
}

absl::StatusOr<std::string> DirectS3Store::UrlOf(
    const StagingLocation& location) const {
  absl::string_view address = location.physical_address;
  const bool is_s3 = absl::ConsumePrefix(&address, "s3://");
  const size_t slash = address.find('/');
  if (!is_s3 || slash == 0 || slash == absl::string_view::npos) {
    return MakeError(absl::StatusCode::kInternal,
                     "lakeFS gave out an address that is not s3://bucket/key, "
                     "and the gateway's own S3 keys are of no use there",
                     Reason::kUpstreamUnimplemented);
  }
  std::string url =
      options_.endpoint.empty()
          ? absl::StrCat("https://s3.", options_.keys.region, ".amazonaws.com")
          : options_.endpoint;
  for (const absl::string_view segment : absl::StrSplit(address, '/')) {
    absl::StrAppend(&url, "/", PercentEncode(segment));
  }
  return url;
}

}  // namespace lakefs::gateway
