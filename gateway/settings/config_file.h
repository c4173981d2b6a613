// The files that settings are read from.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "gateway/settings/settings.h"

namespace lakefs::gateway {

// The file of --config: the names of the flags, at the top level, and the list
// `stores`.
//
// Errors: INVALID_ARGUMENT in one line that names the file and the field.
absl::Status ApplyConfigFile(const std::string& path, Settings& settings);

// lakectl's own file, of which only the endpoint and the keys concern us;
// nothing if it is not there.
//
// Errors: as above.
absl::Status ApplyLakectlYaml(const std::string& path, Settings& settings);

}  // namespace lakefs::gateway
