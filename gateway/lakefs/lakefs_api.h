// The seam to lakeFS: one method an operation of its API.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/base/call_context.h"
#include "gateway/http/http_client.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// What came back of one linkPhysicalAddress.
struct LinkAnswer {
  absl::StatusOr<ObjectStats> stats;

  // With LINK_CONFLICT, if lakeFS named one: put the object here and link
  // again, at once.
  std::optional<StagingLocation> try_here;
};

// One lakeFS server. Each call is one attempt: who calls decides what to
// repeat. Only a 401 is answered here, by reading the credentials anew and
// trying once more.
//
// Errors (of all methods): as the table in answers.h maps the server's answers,
// and those of HttpClient::Send. The reason tells what is known:
// UPSTREAM_UNREACHABLE never left; UPSTREAM_CONNECTION_LOST,
// UPSTREAM_THROTTLED, BRANCH_LOCKED, UPSTREAM_UNAVAILABLE and
// UPSTREAM_INTERNAL may have taken effect (Ambiguous() is true); all others
// were refused for certain.
//
// Blocking: until the answer, bounded by the call. Threads: any.
class LakefsApi {
 public:
  virtual ~LakefsApi() = default;

  virtual absl::StatusOr<ServerConfig> GetConfig(
      const CallContext& context) = 0;

  // OK if the branch exists; NOT_FOUND if it or its repository does not.
  virtual absl::Status GetBranch(const CallContext& context,
                                 absl::string_view repository,
                                 absl::string_view branch) = 0;

  // The repository's storage namespace, such as "s3://bucket/prefix".
  virtual absl::StatusOr<std::string> GetStorageNamespace(
      const CallContext& context, absl::string_view repository) = 0;

  virtual absl::StatusOr<StagingLocation> GetPhysicalAddress(
      const CallContext& context, const ObjectPath& object, bool presign) = 0;

  // `if_absent` sends If-None-Match: *.
  virtual LinkAnswer LinkPhysicalAddress(const CallContext& context,
                                         const ObjectPath& object,
                                         const StagingMetadata& metadata,
                                         bool if_absent) = 0;

  // What stands at the path of the branch, nothing if there is no object (nor,
  // since the server does not tell them apart, a branch).
  virtual absl::StatusOr<std::optional<ObjectStats>> StatObject(
      const CallContext& context, const ObjectPath& object) = 0;

  // Sends the bytes through lakeFS.
  virtual absl::StatusOr<ObjectStats> UploadObject(const CallContext& context,
                                                   const ObjectPath& object,
                                                   const UploadOptions& options,
                                                   HttpBody body) = 0;
};

// Whether a failed attempt may have taken effect, or may do so yet.
bool Ambiguous(const absl::Status& status);

// Whether the same attempt can succeed later: it is ambiguous, or never left.
bool Transient(const absl::Status& status);

}  // namespace lakefs::gateway
