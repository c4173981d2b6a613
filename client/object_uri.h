// The address of an object as people write it.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// Takes `lakefs://repository/branch/path` apart. The path is everything behind
// the slash after the branch, byte for byte: nothing is decoded, joined or
// trimmed, and it may hold slashes, `?`, `#`, `%` and blanks.
//
// Names are not checked further; that is the gateway's part.
//
// Errors: INVALID_ARGUMENT where the scheme, one of the three parts or valid
// UTF-8 is missing; the message quotes `uri`.
absl::StatusOr<v1::ObjectPath> ParseObjectUri(absl::string_view uri);

// The same the other way.
std::string ObjectUri(const v1::ObjectPath& object);

}  // namespace lakefs::staging
