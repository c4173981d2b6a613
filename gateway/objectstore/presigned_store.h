// Stores that take bytes at a presigned URL.
#pragma once

#include <chrono>

#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway {

struct PresignedStoreOptions {
  // Bound on one PUT: `timeout` and the time that its bytes take at
  // `least_rate`. A store that stalls longer is given up and asked again.
  std::chrono::milliseconds timeout{60'000};
  int64_t least_rate_bytes_per_second = 256 * 1024;
};

// Puts objects to the presigned URL of their location, for S3, Google Cloud
// Storage and Azure Blob Storage: the URL carries the right to do so, and
// nothing of the gateway's own goes along.
class PresignedStore final : public ObjectStore {
 public:
  explicit PresignedStore(HttpClient& http, PresignedStoreOptions options = {});

  absl::StatusOr<StoredObject> Put(const CallContext& context,
                                   const StagingLocation& location,
                                   const Rope& bytes) override;
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext& context, const StagingLocation& location,
      int64_t part_bytes) override;

 private:
  HttpClient& http_;
  const PresignedStoreOptions options_;
};

// The checksum for lakeFS from the reply to a PUT of a whole object: the
// Content-MD5 in hex where there is one, else the ETag without quotes, spaces
// and W/. Empty if the reply has neither.
std::string ChecksumOf(const HttpResponse& response);

// The ETag of a reply without quotes, spaces and W/; empty if it has none.
std::string EtagOf(const HttpResponse& response);

}  // namespace lakefs::gateway
