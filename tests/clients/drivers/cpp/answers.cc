#include "tests/clients/drivers/cpp/answers.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/failure.h"

namespace lakefs::staging::driver {
namespace {

using nlohmann::json;

constexpr char kOwn[] = "the driver's own error";

std::string Short(const std::string& name, absl::string_view prefix) {
  return std::string(absl::StripPrefix(name, prefix));
}

}  // namespace

absl::Status OwnError() { return absl::UnknownError(kOwn); }

json OwnJson() { return {{"error", {{"own", true}, {"message", kOwn}}}}; }

json ObjectJson(const v1::ObjectStats& object) {
  json told = {{"path", object.path()},
               {"physical_address", object.physical_address()},
               {"checksum", object.checksum()},
               {"content_type", object.content_type()},
               {"user_metadata", json::object()},
               {"mtime", nullptr},
               {"size_bytes", nullptr}};
  for (const auto& [key, value] : object.user_metadata()) {
    told["user_metadata"][key] = value;
  }
  if (object.has_mtime()) told["mtime"] = object.mtime().seconds();
  if (object.has_size_bytes()) told["size_bytes"] = object.size_bytes();
  return told;
}

json ResultJson(const v1::UploadResult& result, int attempts) {
  json told = {
      {"outcome", Short(v1::Outcome_Name(result.outcome()), "OUTCOME_")},
      {"plan", Short(v1::Plan_Name(result.plan()), "PLAN_")},
      {"object", ObjectJson(result.object())},
      {"attempts", attempts}};
  if (result.has_crc32c()) told["crc32c"] = result.crc32c();
  return told;
}

json LocationJson(const v1::StagingLocation& location) {
  json told = {{"physical_address", location.physical_address()}};
  if (location.has_token()) told["token"] = location.token();
  if (location.has_presigned_url()) {
    told["presigned_url"] = location.presigned_url();
  }
  return told;
}

json OutcomeJson(const v1::GetUploadOutcomeResponse& answer) {
  json told = {
      {"outcome", Short(v1::Outcome_Name(answer.outcome()), "OUTCOME_")},
      {"in_progress", answer.in_progress()}};
  if (answer.has_result()) told["result"] = ResultJson(answer.result(), 1);
  if (!answer.failure_reason().empty()) {
    told["failure_reason"] = answer.failure_reason();
  }
  return told;
}

json ErrorJson(const absl::Status& status) {
  if (status.message() == kOwn) return OwnJson();
  const Failure failure = FailureOf(status);
  json told = {{"class", "absl::Status"},
               {"message", failure.message},
               {"printed", failure.Text() + " " + status.ToString()}};
  if (absl::IsCancelled(status)) told["cancelled"] = true;
  if (absl::IsDeadlineExceeded(status)) told["timeout"] = true;
  if (failure.reason.empty()) return {{"error", told}};
  told["code"] = absl::StatusCodeToString(failure.code);
  told["reason"] = failure.reason;
  told["domain"] = failure.domain;
  told["outcome"] = Short(v1::Outcome_Name(failure.outcome), "OUTCOME_");
  told["advice"] =
      Short(v1::UploadFailure::Advice_Name(failure.advice), "ADVICE_");
  told["retry_after"] = nullptr;
  if (failure.retry_after) {
    told["retry_after"] = absl::ToDoubleSeconds(*failure.retry_after);
  }
  told["violations"] = json::array();
  for (const FieldViolation& violation : failure.violations) {
    told["violations"].push_back({violation.field, violation.description});
  }
  told["resource"] = nullptr;
  if (!failure.resource_type.empty()) {
    told["resource"] = {failure.resource_type, failure.resource_name};
  }
  told["object"] = nullptr;
  if (failure.object) told["object"] = ObjectJson(*failure.object);
  told["metadata"] = failure.metadata;
  told["request_id"] = failure.request_id;
  told["attempts"] = failure.attempts;
  told["retryable"] = failure.retryable();
  told["nothing_linked"] = failure.nothing_linked();
  return {{"error", told}};
}

}  // namespace lakefs::staging::driver
