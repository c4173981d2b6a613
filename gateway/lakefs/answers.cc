#include "gateway/lakefs/answers.h"

#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/http/reply_time.h"
#include "nlohmann/json.hpp"

namespace lakefs::gateway {
namespace {

using absl::StatusCode;
using absl::StrContains;

struct Meaning {
  StatusCode code;
  Reason reason;
};

// The CODE of the store's own error in a message such as "operation error S3:
// CompleteMultipartUpload, … api error CODE: …"; empty if there is none.
absl::string_view StoreErrorCode(absl::string_view message) {
  constexpr absl::string_view kMark = "api error ";
  const size_t mark = message.find(kMark);
  if (mark == absl::string_view::npos) return "";
  message.remove_prefix(mark + kMark.size());
  return message.substr(0, message.find(':'));
}

// Refusals of the store that no repetition of the same request overcomes.
bool StoreRefused(absl::string_view code) {
  return code == "NoSuchUpload" || code == "InvalidPart" ||
         code == "InvalidPartOrder" || code == "EntityTooSmall";
}

Meaning MeaningOf(int status, absl::string_view message) {
  const bool no_endpoint = StrContains(message, "invalid API endpoint");
  switch (status) {
    case 400:
      if (StrContains(message, "link address expired") ||
          StrContains(message, "bad address token")) {
        return {StatusCode::kFailedPrecondition, Reason::kLinkAddressExpired};
      }
      return {StatusCode::kInvalidArgument, Reason::kUpstreamRejected};
    case 401:
      return {StatusCode::kUnauthenticated, Reason::kCredentialsRejected};
    case 403:
      return {StatusCode::kPermissionDenied, Reason::kPermissionDenied};
    case 404:
      if (no_endpoint) break;
      return {StatusCode::kNotFound, Reason::kNotFound};
    case 409:
      return {StatusCode::kAborted, Reason::kLinkConflict};
    case 410:
      return {StatusCode::kFailedPrecondition, Reason::kRepositoryInDeletion};
    case 412:
      return {StatusCode::kAlreadyExists, Reason::kObjectExists};
    case 423:
      return {StatusCode::kUnavailable, Reason::kBranchLocked};
    case 429:
      return {StatusCode::kResourceExhausted, Reason::kUpstreamThrottled};
    case 500:
      if (no_endpoint || StrContains(message, "presigned URL: operation not")) {
        break;
      }
      if (StrContains(message, "predicate failed") ||
          StrContains(message, "branch is currently locked")) {
        return {StatusCode::kUnavailable, Reason::kBranchLocked};
      }
      if (StoreRefused(StoreErrorCode(message))) {
        return {StatusCode::kInternal, Reason::kStoreRejected};
      }
      if (StrContains(message, "cannot write to protected branch")) {
        return {StatusCode::kPermissionDenied, Reason::kPermissionDenied};
      }
      return {StatusCode::kInternal, Reason::kUpstreamInternal};
    case 501:
      break;
    case 502:
    case 503:
    case 504:
      return {StatusCode::kUnavailable, Reason::kUpstreamUnavailable};
    default:
      return {StatusCode::kInternal, Reason::kUpstreamInternal};
  }
  return {StatusCode::kUnimplemented, Reason::kUpstreamUnimplemented};
}

// What an error's body says: its `message`, or the bare string of login. No
// other body is quoted, since it may hold a presigned URL; nor is what follows
// "Schema:", where validation repeats the request.
std::string MessageOf(const HttpResponse& response) {
  const auto body = nlohmann::json::parse(response.body, nullptr, false);
  std::string message;
  if (body.is_object() && body.contains("message") &&
      body["message"].is_string()) {
    message = body["message"];
  } else if (body.is_string()) {
    message = body;
  }
  return message.substr(0, message.find("\nSchema:"));
}

std::string MissingResource(absl::string_view message) {
  if (StrContains(message, "repository")) return "repository";
  if (StrContains(message, "branch")) return "branch";
  return "object";
}

ErrorDetails Details(absl::string_view operation, const HttpResponse& response,
                     Reason reason) {
  ErrorDetails details{.reason = reason};
  details.metadata["operation"] = std::string(operation);
  details.metadata["upstreamHttpStatus"] = absl::StrCat(response.status);
  if (const auto id = response.Header("x-request-id"); !id.empty()) {
    details.metadata["upstreamRequestId"] = Excerpt(id);
  }
  details.retry_after = RetryAfterOf(response);
  return details;
}

}  // namespace

absl::Status AnswerToStatus(absl::string_view operation,
                            const HttpResponse& response) {
  const std::string message = MessageOf(response);
  const Meaning meaning = MeaningOf(response.status, message);
  ErrorDetails details = Details(operation, response, meaning.reason);
  if (meaning.reason == Reason::kStoreRejected) {
    details.metadata["storeErrorCode"] = std::string(StoreErrorCode(message));
  }
  if (meaning.reason == Reason::kNotFound) {
    details.resource_type = MissingResource(message);
  }
  return MakeError(meaning.code,
                   absl::StrCat("lakeFS answered ", operation, " with ",
                                response.status, message.empty() ? "" : ": ",
                                absl::StripAsciiWhitespace(Excerpt(message))),
                   details);
}

bool SaysAbsent(const HttpResponse& response) {
  if (response.status != 404) return false;
  const std::string message = MessageOf(response);
  return MeaningOf(404, message).reason == Reason::kNotFound &&
         MissingResource(message) != "repository";
}

absl::Status UnreadableAnswer(absl::string_view operation,
                              const HttpResponse& response) {
  return MakeError(
      StatusCode::kUnavailable,
      absl::StrCat("lakeFS answered ", operation, " with ", response.status,
                   " and a body that cannot be read"),
      Details(operation, response, Reason::kUpstreamConnectionLost));
}

}  // namespace lakefs::gateway
