// Stores that take bytes at a presigned URL.
#pragma once

#include "gateway/objectstore/object_store.h"
#include "gateway/objectstore/store_client.h"

namespace lakefs::gateway {

// Puts objects to the presigned URL of their location, for S3, Google Cloud
// Storage and Azure Blob Storage: the URL carries the right to do so, and
// nothing of the gateway's own goes along.
//
// Only Azure takes parts at the one URL (AzureBlocks).
class PresignedStore final : public ObjectStore {
 public:
  explicit PresignedStore(HttpClient& http, StoreOptions options = {})
      : client_(http, options) {}

  absl::StatusOr<StoredObject> Put(const CallContext& context,
                                   const StagingLocation& location,
                                   const Rope& bytes,
                                   const std::string& content_type) override;
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext& context, const StagingLocation& location,
      int64_t part_bytes, const std::string& content_type) override;

 private:
  StoreClient client_;
};

}  // namespace lakefs::gateway
