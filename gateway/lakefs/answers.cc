#include "gateway/lakefs/answers.h"

#include <optional>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/excerpt.h"
#include "gateway/http/reply_time.h"
#include "gateway/lakefs/answer_table.h"
#include "nlohmann/json.hpp"

namespace lakefs::gateway {
namespace {

using nlohmann::json;

// The CODE of the store's own error in a message such as "operation error S3:
// CompleteMultipartUpload, … api error CODE: …"; empty if there is none.
absl::string_view StoreErrorCode(absl::string_view message) {
  constexpr absl::string_view kMark = "api error ";
  const size_t mark = message.find(kMark);
  if (mark == absl::string_view::npos) return "";
  message.remove_prefix(mark + kMark.size());
  return message.substr(0, message.find(':'));
}

bool HasString(const json& object, const char* name) {
  const auto field = object.find(name);
  return field != object.end() && field->is_string();
}

// The message of an answer that is lakeFS's own, which may be empty; nothing if
// it is another's. lakeFS answers {"message": …}, login up to v1.21 a bare
// string, and a link's 409 a location. No other body is quoted, since it may
// hold a presigned URL; nor is what follows "Schema:", where validation repeats
// the request.
std::optional<std::string> LakefsMessage(absl::string_view operation,
                                         const HttpResponse& response) {
  const json body = json::parse(response.body, nullptr, false);
  std::string message;
  if (body.is_object() && HasString(body, "message")) {
    message = body["message"];
  } else if (body.is_string() && operation == "login") {
    message = body;
  } else if (!body.is_object() || !HasString(body, "physical_address")) {
    return std::nullopt;
  }
  return message.substr(0, message.find("\nSchema:"));
}

// An answer as the table takes it.
struct Answer {
  Speaker speaker;
  std::string message;
  const AnswerRow& row;
};

Answer Read(absl::string_view operation, const HttpResponse& response) {
  auto message = LakefsMessage(operation, response);
  const Speaker speaker = message ? Speaker::kLakefs : Speaker::kAnother;
  const AnswerRow& row =
      RowOf(response.status, speaker, message ? *message : "");
  // Where even lakeFS's form says nothing of lakeFS's: redirects, and the 404
  // of a router that answers in JSON as well.
  const bool anothers = row.reason == Reason::kUpstreamIntercepted ||
                        row.reason == Reason::kUpstreamUnreachable;
  if (!message || anothers) return {Speaker::kAnother, "", row};
  return {speaker, *std::move(message), row};
}

std::string MissingResource(absl::string_view message) {
  if (absl::StrContains(message, "repository")) return "repository";
  if (absl::StrContains(message, "branch")) return "branch";
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

// What somebody said in lakeFS's place: nothing of it but the status, who it
// was, and where it sends us.
std::string AnothersMessage(absl::string_view operation,
                            const HttpResponse& response,
                            const AnswerRow& row) {
  // From 500 on it may have been lakeFS, too tired to say it in JSON.
  std::string message =
      response.status >= 500 && row.reason != Reason::kUpstreamIntercepted
          ? "lakeFS or something before it"
          : "something before lakeFS, not lakeFS itself,";
  if (const auto server = response.Header("server"); !server.empty()) {
    absl::StrAppend(&message, " (", Excerpt(server, 40), ")");
  }
  absl::StrAppend(&message, " answered ", operation, " with ", response.status);
  const absl::string_view location = response.Header("location");
  if (response.status < 400 && !location.empty()) {
    absl::StrAppend(&message, ", a redirect to ",
                    Excerpt(WithoutQuery(location)),
                    "; if lakeFS is there, name that in --lakefs-endpoint");
  } else if (!row.hint.empty()) {
    absl::StrAppend(&message, "; ", row.hint);
  }
  return message;
}

}  // namespace

absl::Status AnswerToStatus(absl::string_view operation,
                            const HttpResponse& response) {
  const Answer answer = Read(operation, response);
  const AnswerRow& row = answer.row;
  ErrorDetails details = Details(operation, response, row.reason);
  if (row.reason == Reason::kStoreRejected) {
    details.metadata["storeErrorCode"] =
        std::string(StoreErrorCode(answer.message));
  }
  if (row.reason == Reason::kNotFound) {
    details.resource_type = MissingResource(answer.message);
  }
  if (answer.speaker == Speaker::kAnother) {
    return MakeError(row.code, AnothersMessage(operation, response, row),
                     details);
  }
  const std::string said = Excerpt(answer.message);
  return MakeError(
      row.code,
      absl::StrCat("lakeFS answered ", operation, " with ", response.status,
                   said.empty() ? "" : ": ", absl::StripAsciiWhitespace(said)),
      details);
}

bool SaysAbsent(const HttpResponse& response) {
  if (response.status != 404) return false;
  const Answer answer = Read("statObject", response);
  return answer.row.reason == Reason::kNotFound &&
         MissingResource(answer.message) != "repository";
}

bool SaysNoData(const HttpResponse& response) {
  return response.status == 410 &&
         Read("getObject", response).speaker == Speaker::kLakefs;
}

bool RefusesCredentials(absl::string_view operation,
                        const HttpResponse& response) {
  return response.status == 401 &&
         Read(operation, response).row.reason == Reason::kCredentialsRejected;
}

absl::Status UnreadableAnswer(absl::string_view operation,
                              const HttpResponse& response) {
  return MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat("the answer to ", operation, " has status ", response.status,
                   " and a body that is not lakeFS's"),
      Details(operation, response, Reason::kUpstreamConnectionLost));
}

}  // namespace lakefs::gateway
