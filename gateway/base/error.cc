#include "gateway/base/error.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace lakefs::gateway {
namespace {

using nlohmann::json;

// absl::Status carries details as bytes; JSON keeps them readable in a
// debugger, and is only made when something failed.
constexpr char kPayloadUrl[] = "lakefs.staging/error-details";

constexpr size_t kMaxExcerpt = 256;

// Of a text that is quoted, what is looked at.
constexpr size_t kMaxRead = 4096;

// UTF-8 from outside may be broken: never let it throw.
std::string Dump(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

absl::Cord Encode(const ErrorDetails& details) {
  json value = {{"reason", static_cast<int>(details.reason)},
                {"metadata", details.metadata},
                {"type", details.resource_type},
                {"name", details.resource_name}};
  if (details.retry_after) value["retry"] = details.retry_after->count();
  for (const FieldViolation& v : details.violations) {
    value["violations"].push_back({v.field, v.description});
  }
  return absl::Cord(Dump(value));
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

// How many bytes the first character has; 0 if they are not UTF-8.
size_t CharacterBytes(absl::string_view text) {
  const auto byte = [text](size_t i) {
    return static_cast<unsigned char>(text[i]);
  };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer forms than needed, surrogates, and what is beyond Unicode.
  const bool wrong =
      (first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f) ||
      (first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f);
  return wrong ? 0 : size;
}

// The text, with what may be secret in URLs left out: servers quote URLs in
// their errors, presigned ones too.
std::string WithoutQueries(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    // A URL ends where no character can be one's.
    const size_t end =
        std::min(text.find_first_of(" \t\r\n\"'<>"), text.size());
    absl::string_view word = text.substr(0, end);
    const size_t query = word.find('?');
    const size_t at = word.find('@');
    const size_t scheme = word.find("://");
    const bool cut = query != word.npos && word.find('=', query) != word.npos;
    if (cut) word = word.substr(0, query + 1);
    if (scheme != word.npos && at != word.npos && at < word.size()) {
      absl::StrAppend(&out, word.substr(0, scheme + 3), "...");
      word.remove_prefix(at);
    }
    absl::StrAppend(&out, word, cut ? "..." : "", text.substr(end, 1));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
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
    case Reason::kOutcomeUnknown:
      return "OUTCOME_UNKNOWN";
    case Reason::kStoreRejected:
      return "STORE_REJECTED";
    case Reason::kObjectTooLarge:
      return "OBJECT_TOO_LARGE";
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
  absl::Status status(code, message);
  status.SetPayload(kPayloadUrl, Encode(details));
  return status;
}

absl::Status MakeError(absl::StatusCode code, absl::string_view message,
                       Reason reason) {
  return MakeError(code, message, ErrorDetails{.reason = reason});
}

absl::Status InvalidRequest(std::vector<FieldViolation> violations) {
  if (violations.empty()) return absl::OkStatus();
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

std::string Excerpt(absl::string_view text) {
  const std::string shown = WithoutQueries(text.substr(0, kMaxRead));
  std::string excerpt;
  for (absl::string_view rest = shown; !rest.empty();) {
    const size_t size = CharacterBytes(rest);
    absl::string_view character = size == 0 ? "?" : rest.substr(0, size);
    if (absl::ascii_iscntrl(static_cast<unsigned char>(rest[0]))) {
      character = " ";
    }
    if (excerpt.size() + character.size() > kMaxExcerpt) break;
    absl::StrAppend(&excerpt, character);
    rest.remove_prefix(std::max<size_t>(size, 1));
  }
  return excerpt;
}

}  // namespace lakefs::gateway
