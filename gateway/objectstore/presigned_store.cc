#include "gateway/objectstore/presigned_store.h"

#include <utility>

#include "absl/strings/match.h"
#include "gateway/base/error.h"
#include "gateway/objectstore/azure_blocks.h"

namespace lakefs::gateway {
namespace {

bool IsAzure(const StagingLocation& location) {
  return absl::StartsWith(location.physical_address, "https://");
}

// Whether the signature leaves the type to who uses the URL: one of version 4
// names the headers that it holds, older ones always hold the type.
bool TakesContentType(absl::string_view url) {
  for (const char* names : {"X-Amz-SignedHeaders=", "X-Goog-SignedHeaders="}) {
    const size_t begin = url.find(names);
    if (begin == absl::string_view::npos) continue;
    const absl::string_view value = url.substr(begin);
    return !absl::StrContains(value.substr(0, value.find('&')), "content-type");
  }
  return false;
}

absl::Status NoUrl() {
  return MakeError(absl::StatusCode::kInternal,
                   "lakeFS gave out an address without a presigned URL",
                   Reason::kUpstreamUnimplemented);
}

}  // namespace

absl::StatusOr<StoredObject> PresignedStore::Put(
    const CallContext& context, const StagingLocation& location,
    const Rope& bytes, const std::string& content_type) {
  if (!location.presigned_url) return NoUrl();
  HttpRequest request{.operation = "storePut",
                      .method = HttpMethod::kPut,
                      .url = *location.presigned_url};
  if (IsAzure(location)) {
    request.headers.push_back({"x-ms-blob-type", "BlockBlob"});
    if (!content_type.empty()) {
      request.headers.push_back({"x-ms-blob-content-type", content_type});
    }
  } else if (!content_type.empty() && TakesContentType(request.url)) {
    request.headers.push_back({"Content-Type", content_type});
  }
  const auto response = client_.Put(context, std::move(request), bytes);
  if (!response.ok()) return response.status();
  return Acknowledged(*response);
}

absl::StatusOr<std::unique_ptr<PartedUpload>> PresignedStore::BeginParts(
    const CallContext&, const StagingLocation& location, int64_t,
    const std::string& content_type) {
  if (!location.presigned_url) return NoUrl();
  if (IsAzure(location)) {
    return std::make_unique<AzureBlocks>(client_, *location.presigned_url,
                                         content_type);
  }
  return MakeError(absl::StatusCode::kUnimplemented,
                   "this store takes no parts at one presigned URL",
                   Reason::kUpstreamUnimplemented);
}

}  // namespace lakefs::gateway
