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

absl::Status NoUrl() {
  return MakeError(absl::StatusCode::kInternal,
                   "lakeFS gave out an address without a presigned URL",
                   Reason::kUpstreamUnimplemented);
}

}  // namespace

absl::StatusOr<StoredObject> PresignedStore::Put(
    const CallContext& context, const StagingLocation& location,
    const Rope& bytes) {
  if (!location.presigned_url) return NoUrl();
  HttpRequest request{.operation = "storePut",
                      .method = HttpMethod::kPut,
                      .url = *location.presigned_url};
  if (IsAzure(location)) {
    request.headers.push_back({"x-ms-blob-type", "BlockBlob"});
  }
  const auto response = client_.Put(context, std::move(request), bytes);
  if (!response.ok()) return response.status();
  return Acknowledged(*response);
}

absl::StatusOr<std::unique_ptr<PartedUpload>> PresignedStore::BeginParts(
    const CallContext&, const StagingLocation& location, int64_t) {
  if (!location.presigned_url) return NoUrl();
  if (IsAzure(location)) {
    return std::make_unique<AzureBlocks>(client_, *location.presigned_url);
  }
  return MakeError(absl::StatusCode::kUnimplemented,
                   "this store takes no parts at one presigned URL",
                   Reason::kUpstreamUnimplemented);
}

}  // namespace lakefs::gateway
