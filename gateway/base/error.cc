#include "gateway/base/error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/base/excerpt.h"
#include "nlohmann/json.hpp"

namespace lakefs::gateway {
namespace {

using nlohmann::json;

// absl::Status carries details as bytes; JSON keeps them readable in a
// debugger, and is only made when something failed.
constexpr char kPayloadUrl[] = "lakefs.staging/error-details";

// Bounds of what one error tells, in characters. They leave room for all of it
// in the trailers of a call, of which most clients take 8 KiB.
constexpr size_t kMessageCharacters = 512;
constexpr size_t kMetadataCharacters = 128;
constexpr size_t kDescriptionCharacters = 160;
constexpr size_t kMostViolations = 16;

absl::Cord Encode(const ErrorDetails& details) {
  json value = {{"reason", static_cast<int>(details.reason)},
                {"metadata", json::object()},
                {"type", details.resource_type},
                {"name", details.resource_name}};
  for (const auto& [key, text] : details.metadata) {
    value["metadata"][key] = Excerpt(text, kMetadataCharacters);
  }
  if (details.retry_after) value["retry"] = details.retry_after->count();
  for (const FieldViolation& v : details.violations) {
    value["violations"].push_back(
        {v.field, Excerpt(v.description, kDescriptionCharacters)});
  }
  // The path of an object is its caller's, byte for byte.
  return absl::Cord(value.dump(-1, ' ', false, json::error_handler_t::replace));
}

ErrorDetails Decode(const absl::Cord& payload) {
  const json value = json::parse(std::string(payload));
  ErrorDetails details;
  details.reason = static_cast<Reason>(value["reason"].get<int>());
  details.metadata =
      value["metadata"].get<std::map<std::string, std::string>>();
  details.resource_type = value["type"];
  details.resource_name = value["name"];
  if (value.contains("retry")) {
    details.retry_after =
        std::chrono::milliseconds(value["retry"].get<int64_t>());
  }
  if (value.contains("violations")) {
    for (const json& v : value["violations"]) {
      details.violations.push_back({v[0], v[1]});
    }
  }
  return details;
}

Reason ReasonOfCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kDeadlineExceeded:
      return Reason::kDeadlineExceeded;
    case absl::StatusCode::kCancelled:
      return Reason::kCancelled;
    default:
      return Reason::kInternal;
  }
}

}  // namespace

absl::string_view ReasonName(Reason reason) {
  switch (reason) {
    case Reason::kInvalidRequest:
      return "INVALID_REQUEST";
    case Reason::kBadFrameOrder:
      return "BAD_FRAME_ORDER";
    case Reason::kIncompleteUpload:
      return "INCOMPLETE_UPLOAD";
    case Reason::kChecksumMismatch:
      return "CHECKSUM_MISMATCH";
    case Reason::kSizeMismatch:
      return "SIZE_MISMATCH";
    case Reason::kLinkAddressExpired:
      return "LINK_ADDRESS_EXPIRED";
    case Reason::kUpstreamRejected:
      return "UPSTREAM_REJECTED";
    case Reason::kCredentialsRejected:
      return "CREDENTIALS_REJECTED";
    case Reason::kPermissionDenied:
      return "PERMISSION_DENIED";
    case Reason::kNotFound:
      return "NOT_FOUND";
    case Reason::kRepositoryInDeletion:
      return "REPOSITORY_IN_DELETION";
    case Reason::kLinkConflict:
      return "LINK_CONFLICT";
    case Reason::kObjectExists:
      return "OBJECT_EXISTS";
    case Reason::kObjectChanged:
      return "OBJECT_CHANGED";
    case Reason::kUpstreamThrottled:
      return "UPSTREAM_THROTTLED";
    case Reason::kBranchLocked:
      return "BRANCH_LOCKED";
    case Reason::kUpstreamUnavailable:
      return "UPSTREAM_UNAVAILABLE";
    case Reason::kUpstreamInternal:
      return "UPSTREAM_INTERNAL";
    case Reason::kUpstreamUnimplemented:
      return "UPSTREAM_UNIMPLEMENTED";
    case Reason::kUpstreamUnreachable:
      return "UPSTREAM_UNREACHABLE";
    case Reason::kUpstreamConnectionLost:
      return "UPSTREAM_CONNECTION_LOST";
    case Reason::kUpstreamIntercepted:
      return "UPSTREAM_INTERCEPTED";
    case Reason::kOutcomeUnknown:
      return "OUTCOME_UNKNOWN";
    case Reason::kStoreRejected:
      return "STORE_REJECTED";
    case Reason::kObjectTooLarge:
      return "OBJECT_TOO_LARGE";
    case Reason::kSourceRefused:
      return "SOURCE_REFUSED";
    case Reason::kSourceChanged:
      return "SOURCE_CHANGED";
    case Reason::kResumeExpired:
      return "RESUME_EXPIRED";
    case Reason::kResumeRefused:
      return "RESUME_REFUSED";
    case Reason::kTooManyUploads:
      return "TOO_MANY_UPLOADS";
    case Reason::kSpoolFull:
      return "SPOOL_FULL";
    case Reason::kDraining:
      return "DRAINING";
    case Reason::kDeadlineExceeded:
      return "DEADLINE_EXCEEDED";
    case Reason::kCancelled:
      return "CANCELLED";
    case Reason::kInternal:
      return "INTERNAL";
  }
  return "INTERNAL";
}

absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       const ErrorDetails& details) {
  absl::Status status(code, Excerpt(message, kMessageCharacters));
  status.SetPayload(kPayloadUrl, Encode(details));
  return status;
}

absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       Reason reason) {
  return MakeError(code, message, ErrorDetails{.reason = reason});
}

absl::Status InvalidRequest(std::vector<FieldViolation> violations) {
  if (violations.empty()) return absl::OkStatus();
  if (violations.size() > kMostViolations) {
    const size_t more = violations.size() - kMostViolations + 1;
    violations.resize(kMostViolations);
    violations.back().description = absl::StrCat("and ", more, " more like it");
  }
  const std::string message = absl::StrJoin(
      violations, "; ", [](std::string* out, const FieldViolation& v) {
        absl::StrAppend(out, v.field, ": ", v.description);
      });
  return MakeError(absl::StatusCode::kInvalidArgument, message,
                   ErrorDetails{.reason = Reason::kInvalidRequest,
                                .violations = std::move(violations)});
}

ErrorDetails DetailsOf(const absl::Status& status) {
  const auto payload = status.GetPayload(kPayloadUrl);
  if (payload) return Decode(*payload);
  return ErrorDetails{.reason = ReasonOfCode(status.code())};
}

Reason ReasonOf(const absl::Status& status) { return DetailsOf(status).reason; }

absl::Status Annotate(const absl::Status& status, absl::string_view context) {
  if (status.ok()) return status;
  return MakeError(status.code(), absl::StrCat(context, ": ", status.message()),
                   DetailsOf(status));
}

absl::Status WithMetadata(const absl::Status& status, absl::string_view key,
                          absl::string_view value) {
  ErrorDetails details = DetailsOf(status);
  details.metadata[std::string(key)] = std::string(value);
  return MakeError(status.code(), status.message(), details);
}

}  // namespace lakefs::gateway
