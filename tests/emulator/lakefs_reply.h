// The JSON that lakeFS answers with.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/entry.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

HttpResponse JsonReply(int status, const nlohmann::json& body);

// `{"message": …}`.
HttpResponse LakefsError(int status, absl::string_view message);

// ObjectStats of an entry.
nlohmann::json StatsOf(const std::string& path, const Entry& entry);

}  // namespace lakefs::gateway::testing
