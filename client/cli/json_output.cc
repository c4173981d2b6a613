#include "client/cli/json_output.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace lakefs::staging {
namespace {

using Json = nlohmann::ordered_json;

std::string Dump(const Json& json) {
  // Texts of a foreign server may be anything; no output is no answer.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string Short(const std::string& name, absl::string_view prefix) {
  return std::string(absl::StripPrefix(name, prefix));
}

template <typename Map>
Json FromMap(const Map& map) {
  Json json = Json::object();
  // Protobuf's maps have no order; a sorted one makes equal lines.
  for (const auto& [key, value] :
       std::map<std::string, std::string>(map.begin(), map.end())) {
    json[key] = value;
  }
  return json;
}

Json FromStats(const v1::ObjectStats& stats) {
  Json json = {{"path", stats.path()},
               {"physical_address", stats.physical_address()},
               {"checksum", stats.checksum()}};
  if (stats.has_size_bytes()) json["size_bytes"] = stats.size_bytes();
  if (stats.has_mtime()) json["mtime"] = TimeText(stats.mtime());
  json["content_type"] = stats.content_type();
  json["user_metadata"] = FromMap(stats.user_metadata());
  return json;
}

Json FromResult(const v1::UploadResult& result) {
  const double elapsed = static_cast<double>(result.elapsed().seconds()) +
                         static_cast<double>(result.elapsed().nanos()) / 1e9;
  Json json = {{"outcome", ShortName(result.outcome())},
               {"object", FromStats(result.object())}};
  if (result.has_crc32c()) {
    json["crc32c"] = absl::StrFormat("%08x", result.crc32c());
  }
  if (result.plan() != v1::PLAN_UNSPECIFIED) {
    json["plan"] = Short(v1::Plan_Name(result.plan()), "PLAN_");
  }
  json["rounds"] = result.rounds();
  json["attempts"] = result.attempts();
  json["bytes_resent"] = result.bytes_resent();
  json["elapsed_seconds"] = elapsed;
  return json;
}

}  // namespace

std::string ShortName(v1::Outcome outcome) {
  return Short(v1::Outcome_Name(outcome), "OUTCOME_");
}

std::string TimeText(const google::protobuf::Timestamp& timestamp) {
  return absl::FormatTime("%Y-%m-%d%ET%H:%M:%SZ",
                          absl::FromUnixSeconds(timestamp.seconds()),
                          absl::UTCTimeZone());
}

std::string ToJson(const v1::UploadResult& result) {
  return Dump(FromResult(result));
}

std::string ToJson(const v1::StagingLocation& location) {
  Json json = {{"physical_address", location.physical_address()}};
  if (location.has_token()) json["token"] = location.token();
  if (location.has_presigned_url()) {
    json["presigned_url"] = location.presigned_url();
  }
  if (location.has_presigned_url_expiry()) {
    json["presigned_url_expiry"] = TimeText(location.presigned_url_expiry());
  }
  return Dump(json);
}

std::string ToJson(const v1::LinkPhysicalAddressResponse& response) {
  return Dump({{"outcome", ShortName(response.outcome())},
               {"object", FromStats(response.object())}});
}

std::string ToJson(const v1::GetUploadOutcomeResponse& response) {
  Json json = {{"outcome", ShortName(response.outcome())}};
  if (response.in_progress()) json["in_progress"] = true;
  if (response.has_result()) json["result"] = FromResult(response.result());
  if (response.has_failure()) {
    json["failure"] = {
        {"reason", response.failure_reason()},
        {"message", response.failure_message()},
        {"advice",
         Short(v1::UploadFailure::Advice_Name(response.failure().advice()),
               "ADVICE_")}};
  }
  return Dump(json);
}

std::string ToJson(const Failure& failure, ExitCode exit_code) {
  Json error = {{"code", absl::StatusCodeToString(failure.code)},
                {"reason", failure.reason},
                {"message", failure.message}};
  if (failure.outcome != v1::OUTCOME_UNSPECIFIED) {
    error["outcome"] = ShortName(failure.outcome);
  }
  if (failure.advice != v1::UploadFailure::ADVICE_UNSPECIFIED) {
    error["advice"] =
        Short(v1::UploadFailure::Advice_Name(failure.advice), "ADVICE_");
  }
  if (failure.retry_after) {
    error["retry_after_seconds"] = absl::ToDoubleSeconds(*failure.retry_after);
  }
  for (const FieldViolation& violation : failure.violations) {
    error["violations"].push_back(
        {{"field", violation.field}, {"description", violation.description}});
  }
  if (failure.object) error["object"] = FromStats(*failure.object);
  if (!failure.metadata.empty()) {
    error["metadata"] = FromMap(failure.metadata);
  }
  error["exit_code"] = static_cast<int>(exit_code);
  return Dump({{"error", error}});
}

}  // namespace lakefs::staging
