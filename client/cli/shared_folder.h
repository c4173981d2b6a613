// The folder that the command line shares with the gateway.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lakefs::staging {

// A folder by both its names; no slash at the end of either.
struct SharedFolder {
  std::string mine;
  std::string gateways;
};

// Takes LAKEFS_STAGING_SHARED apart: `/FOLDER`, or `/MINE=/GATEWAYS` where the
// gateway's --source-root calls it otherwise; nothing if it is empty.
//
// Errors: INVALID_ARGUMENT, INVALID_REQUEST that names the variable.
absl::StatusOr<std::optional<SharedFolder>> ParseSharedFolder(
    absl::string_view text);

// What the gateway calls `file`, wherever links lead; nothing if it is not in
// the folder, or there is no such file.
std::optional<std::string> GatewaysNameOf(const std::string& file,
                                          const SharedFolder& folder);

}  // namespace lakefs::staging
