// The output of --json: one line, with the field names of the proto.
#pragma once

#include <string>

#include "client/cli/exit_code.h"
#include "client/failure.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// Every function gives one JSON object without a line feed. Times are RFC 3339
// in UTC, spans are seconds, checksums are hexadecimal; fields that were not
// told are left out.
std::string ToJson(const v1::UploadResult& result);
std::string ToJson(const v1::StagingLocation& location);
std::string ToJson(const v1::LinkPhysicalAddressResponse& response);
std::string ToJson(const v1::GetUploadOutcomeResponse& response);

// {"error": {…}} with the exit code.
std::string ToJson(const Failure& failure, ExitCode exit_code);

// "COMMITTED" for OUTCOME_COMMITTED, and so on.
std::string ShortName(v1::Outcome outcome);

// The time as RFC 3339 in UTC.
std::string TimeText(const google::protobuf::Timestamp& timestamp);

}  // namespace lakefs::staging
