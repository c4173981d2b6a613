// S3 by the gateway's own keys, for servers that do not presign.
#pragma once

#include <string>

#include "gateway/http/aws_sigv4.h"
#include "gateway/objectstore/object_store.h"
#include "gateway/objectstore/store_client.h"

namespace lakefs::gateway {

struct DirectS3Options {
  // URL of the service, such as "http://minio:9000"; buckets are addressed by
  // path. Empty: Amazon's, in the region.
  std::string endpoint;
  AwsKeys keys;
  StoreOptions store;
};

// Puts objects to the bucket and key of their physical address,
// "s3://bucket/key", signed with our own keys: in one PUT, or by a multipart
// upload of S3's own, which needs no lakeFS and so takes any condition at the
// link.
//
// Source: S3's API reference.
class DirectS3Store final : public ObjectStore {
 public:
  DirectS3Store(HttpClient& http, DirectS3Options options);

  absl::StatusOr<StoredObject> Put(const CallContext& context,
                                   const StagingLocation& location,
                                   const Rope& bytes,
                                   const std::string& content_type) override;
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext& context, const StagingLocation& location,
      int64_t part_bytes, const std::string& content_type) override;
  absl::StatusOr<std::unique_ptr<PartedUpload>> GoOnWithParts(
      const StagingLocation& location, const std::string& upload_id,
      int64_t part_bytes, std::span<const StoredPart> parts) override;

 private:
  class Multipart;

  absl::StatusOr<std::string> UrlOf(const StagingLocation& location) const;

  const DirectS3Options options_;
  SigningHttpClient signing_;
  StoreClient client_;
};

}  // namespace lakefs::gateway
