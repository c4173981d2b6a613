// The seam to lakeFS: one method an operation of its API.
#pragma once

#include <optional>
#include <span>
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

  // At least one store is told of.
  virtual absl::StatusOr<ServerConfigs> GetConfig(
      const CallContext& context) = 0;

  // OK if the server says that it is well. Asked without credentials.
  virtual absl::Status HealthCheck(const CallContext& context) = 0;

  // OK if the branch exists; NOT_FOUND if it or its repository does not.
  virtual absl::Status GetBranch(const CallContext& context,
                                 absl::string_view repository,
                                 absl::string_view branch) = 0;

  virtual absl::StatusOr<Repository> GetRepository(
      const CallContext& context, absl::string_view repository) = 0;

  virtual absl::StatusOr<StagingLocation> GetPhysicalAddress(
      const CallContext& context, const ObjectPath& object, bool presign) = 0;

  // Where `condition` does not hold, OBJECT_EXISTS, whichever of the two it is.
  virtual LinkAnswer LinkPhysicalAddress(const CallContext& context,
                                         const ObjectPath& object,
                                         const StagingMetadata& metadata,
                                         const WriteCondition& condition) = 0;

  // What stands at the path of the branch, nothing if there is no object (nor,
  // since the server does not tell them apart, a branch).
  virtual absl::StatusOr<std::optional<ObjectStats>> StatObject(
      const CallContext& context, const ObjectPath& object) = 0;

  // What is committed at the path: the same of the branch's last commit, which
  // shows nothing that is staged or about to be committed (BRANCH@).
  virtual absl::StatusOr<std::optional<ObjectStats>> StatCommitted(
      const CallContext& context, const ObjectPath& object) = 0;

  // Begins a presigned multipart upload, with the URLs of its first `parts`
  // parts (0 to 10,000).
  virtual absl::StatusOr<MultipartUpload> CreatePresignMultipartUpload(
      const CallContext& context, const ObjectPath& object, int parts) = 0;

  // A fresh URL for part `number`. UPSTREAM_UNIMPLEMENTED before v1.55.
  virtual absl::StatusOr<std::string> UploadPart(const CallContext& context,
                                                 const ObjectPath& object,
                                                 const MultipartUpload& upload,
                                                 int number) = 0;

  // Has the store put the parts together, and links the object: it takes no
  // condition, and overwrites. Where the store refused, STORE_REJECTED with
  // storeErrorCode; NoSuchUpload is what a second call gets when the first has
  // worked.
  virtual absl::StatusOr<ObjectStats> CompletePresignMultipartUpload(
      const CallContext& context, const ObjectPath& object,
      const MultipartUpload& upload, std::span<const StoredPart> parts,
      const UserMetadata& user_metadata, const std::string& content_type) = 0;

  // Drops what was put; OK also when the upload is complete or unknown.
  virtual absl::Status AbortPresignMultipartUpload(
      const CallContext& context, const ObjectPath& object,
      const MultipartUpload& upload) = 0;

  // Reads the first byte of the object at the path: whether it is there. False
  // means an entry without bytes in the store.
  virtual absl::StatusOr<bool> ReadFirstByte(const CallContext& context,
                                             const ObjectPath& object) = 0;

  // Removes the entry at the path; OK also if there is none.
  virtual absl::Status DeleteObject(const CallContext& context,
                                    const ObjectPath& object) = 0;

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
