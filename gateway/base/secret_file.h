// Files of the settings: those that hold secrets, and others.
#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace lakefs::gateway {

// OK if no stranger can read or change the file: it is neither readable nor
// writable for others, nor writable for its group. A file behind symbolic
// links, as Kubernetes mounts secrets, is looked at itself.
//
// Errors: INVALID_ARGUMENT, with the path and what to do.
absl::Status CheckSecretFile(const std::string& path);

// The contents of such a file, without white space around them; at most 64 KiB.
// The mode that counts is that of the very file that is read.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// The contents of a file that anybody may read; at most 4 MiB, which is many
// times the authorities of a system.
absl::StatusOr<std::string> ReadFile(const std::string& path);

}  // namespace lakefs::gateway
