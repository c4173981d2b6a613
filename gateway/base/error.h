// The one place that builds errors, and the closed list of their reasons.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// Why a call failed: `reason` of google.rpc.ErrorInfo, in capitals and
// underscores. Callers match on it, so names are never changed.
enum class Reason {
  kInvalidRequest,
  kBadFrameOrder,
  kIncompleteUpload,
  kChecksumMismatch,
  kSizeMismatch,
  kLinkAddressExpired,
  kUpstreamRejected,
  kCredentialsRejected,
  kPermissionDenied,
  kNotFound,
  kRepositoryInDeletion,
  kLinkConflict,
  kObjectExists,
  kObjectChanged,
  kUpstreamThrottled,
  kBranchLocked,
  kUpstreamUnavailable,
  kUpstreamInternal,
  kUpstreamUnimplemented,
  kUpstreamUnreachable,
  kUpstreamConnectionLost,
  kUpstreamIntercepted,
  kOutcomeUnknown,
  kStoreRejected,
  kObjectTooLarge,
  kSourceRefused,
  kSourceChanged,
  kResumeExpired,
  kResumeRefused,
  kTooManyUploads,
  kSpoolFull,
  kDraining,
  kDeadlineExceeded,
  kCancelled,
  kInternal,
};

// The reason as it goes over the wire, such as "LINK_CONFLICT".
absl::string_view ReasonName(Reason reason);

// One thing that is wrong with a request: google.rpc.BadRequest.
struct FieldViolation {
  std::string field;        // path in the proto, such as "header.object.path"
  std::string description;  // what is wrong, and what would be right
};

// What a status carries beside its code and message. Nothing in it is secret.
struct ErrorDetails {
  Reason reason = Reason::kInternal;

  // Of the last answer: upstreamHttpStatus, upstreamRequestId, operation,
  // storeErrorCode, retryVerdict. Goes into google.rpc.ErrorInfo.
  std::map<std::string, std::string> metadata;

  // What the upstream asked for by Retry-After.
  std::optional<std::chrono::milliseconds> retry_after;

  std::vector<FieldViolation> violations;

  // What is missing, with kNotFound: "repository", "branch" or "object".
  std::string resource_type;
  std::string resource_name;
};

// An error with its details. `message` says what failed, in one line, without
// secrets.
absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       const ErrorDetails& details);
absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       Reason reason);

// INVALID_ARGUMENT, INVALID_REQUEST that lists every violation; OK if there is
// none.
absl::Status InvalidRequest(std::vector<FieldViolation> violations);

// The details of an error; those of one without any are made from its code.
ErrorDetails DetailsOf(const absl::Status& status);
Reason ReasonOf(const absl::Status& status);

// The same error with `context` in front of its message: "link main/a: …".
absl::Status Annotate(const absl::Status& status, absl::string_view context);

// The same error with one more entry of metadata.
absl::Status WithMetadata(const absl::Status& status, absl::string_view key,
                          absl::string_view value);

}  // namespace lakefs::gateway
