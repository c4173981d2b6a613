// Values of flags that are more than a text or a number.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace lakefs::staging {

// A time as RFC 3339 (`2024-05-01T12:00:00Z`) or seconds since 1970.
absl::StatusOr<absl::Time> ParseMtime(absl::string_view text);

// A positive span: `30s`, `1m30s`, or a number of seconds.
absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text);

// A size in bytes: 0 or more.
absl::StatusOr<int64_t> ParseSize(absl::string_view text);

// `key=value` each; the value may be empty and may hold more `=`. A key that is
// empty or comes twice is an error.
absl::StatusOr<std::map<std::string, std::string>> ParseMetadata(
    const std::vector<std::string>& pairs);

}  // namespace lakefs::staging
