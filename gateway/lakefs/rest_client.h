// The client of lakeFS's REST API.
#pragma once

#include <string>
#include <vector>

#include "gateway/lakefs/credentials.h"
#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway {

struct RestClientOptions {
  // "http(s)://HOST[:PORT]", with or without "/api/v1" and a slash.
  std::string endpoint;

  // Bound on one exchange, but for uploads, which have none of their own.
  // lakeFS answers in milliseconds; a commit of a large branch can hold a link
  // up for seconds.
  std::chrono::milliseconds timeout{30'000};

  // The folders of local stores as lakeFS names them, where they are known: see
  // WithRootOnce.
  std::vector<std::string> local_roots;
};

// The base of lakeFS's API at an endpoint, ending in "/api/v1".
std::string ApiBase(absl::string_view endpoint);

// lakeFS by HTTP.
class RestClient final : public LakefsApi {
 public:
  RestClient(const RestClientOptions& options, HttpClient& http,
             Credentials& credentials);

  // The base of the API, ending in "/api/v1"; no secret.
  const std::string& base_url() const { return base_; }

  absl::StatusOr<ServerConfigs> GetConfig(const CallContext& context) override;
  absl::Status HealthCheck(const CallContext& context) override;
  absl::Status GetBranch(const CallContext& context,
                         absl::string_view repository,
                         absl::string_view branch) override;
  absl::StatusOr<Repository> GetRepository(
      const CallContext& context, absl::string_view repository) override;
  absl::StatusOr<StagingLocation> GetPhysicalAddress(const CallContext& context,
                                                     const ObjectPath& object,
                                                     bool presign) override;
  LinkAnswer LinkPhysicalAddress(const CallContext& context,
                                 const ObjectPath& object,
                                 const StagingMetadata& metadata,
                                 const WriteCondition& condition) override;
  absl::StatusOr<std::optional<ObjectStats>> StatObject(
      const CallContext& context, const ObjectPath& object) override;
  absl::StatusOr<std::optional<ObjectStats>> StatCommitted(
      const CallContext& context, const ObjectPath& object) override;
  absl::StatusOr<MultipartUpload> CreatePresignMultipartUpload(
      const CallContext& context, const ObjectPath& object, int parts) override;
  absl::StatusOr<std::string> UploadPart(const CallContext& context,
                                         const ObjectPath& object,
                                         const MultipartUpload& upload,
                                         int number) override;
  absl::StatusOr<ObjectStats> CompletePresignMultipartUpload(
      const CallContext& context, const ObjectPath& object,
      const MultipartUpload& upload, std::span<const StoredPart> parts,
      const UserMetadata& user_metadata,
      const std::string& content_type) override;
  absl::Status AbortPresignMultipartUpload(
      const CallContext& context, const ObjectPath& object,
      const MultipartUpload& upload) override;
  absl::StatusOr<bool> ReadFirstByte(const CallContext& context,
                                     const ObjectPath& object) override;
  absl::Status DeleteObject(const CallContext& context,
                            const ObjectPath& object) override;
  absl::StatusOr<ObjectStats> UploadObject(const CallContext& context,
                                           const ObjectPath& object,
                                           const UploadOptions& options,
                                           HttpBody body) override;

 private:
  // A request to `path` below the base, not yet authorized.
  HttpRequest Request(absl::string_view operation, HttpMethod method,
                      absl::string_view path) const;
  absl::StatusOr<std::optional<ObjectStats>> Stat(const CallContext& context,
                                                  const std::string& path);
  // The answer, whatever its status; a 401 only if fresh credentials were
  // refused too.
  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    HttpRequest request);
  // The answer if it is a success, else its error.
  absl::StatusOr<HttpResponse> SendOk(const CallContext& context,
                                      HttpRequest request);

  const std::string base_;
  const std::chrono::milliseconds timeout_;
  const std::vector<std::string> local_roots_;
  HttpClient& http_;
  Credentials& credentials_;
};

}  // namespace lakefs::gateway
