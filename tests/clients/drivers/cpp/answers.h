// Results and errors as the suite reads them (DRIVERS.md, "Answers").
#pragma once

#include <nlohmann/json.hpp>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging::driver {

// The driver's own error, as a source returns it.
absl::Status OwnError();

// Thrown by a callback.
struct OwnException {};

nlohmann::json ResultJson(const v1::UploadResult& result, int attempts);
nlohmann::json ObjectJson(const v1::ObjectStats& object);
nlohmann::json LocationJson(const v1::StagingLocation& location);
nlohmann::json OutcomeJson(const v1::GetUploadOutcomeResponse& answer);
// {"error": …}.
nlohmann::json ErrorJson(const absl::Status& status);
nlohmann::json OwnJson();

}  // namespace lakefs::staging::driver
