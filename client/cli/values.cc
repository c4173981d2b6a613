#include "client/cli/values.h"

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

absl::Status Bad(absl::string_view flag, absl::string_view value,
                 absl::string_view what) {
  return MakeFailure(
      absl::StatusCode::kInvalidArgument, kInvalidRequest,
      absl::StrCat(flag, " \"", absl::Utf8SafeCEscape(value), "\" ", what));
}

}  // namespace

absl::StatusOr<absl::Time> ParseMtime(absl::string_view text) {
  int64_t seconds;
  if (absl::SimpleAtoi(text, &seconds)) return absl::FromUnixSeconds(seconds);
  absl::Time time;
  std::string error;
  // ParseTime alone would take "infinite-future" too.
  if (!text.empty() && text[0] != 'i' && text[0] != '-' &&
      absl::ParseTime(absl::RFC3339_full, text, &time, &error)) {
    return time;
  }
  return Bad("--mtime", text,
             "is no time; write 2024-05-01T12:00:00Z or seconds since 1970");
}

absl::StatusOr<absl::Duration> ParseTimeout(absl::string_view text) {
  double seconds;
  absl::Duration timeout;
  if (absl::SimpleAtod(text, &seconds)) {
    timeout = absl::Seconds(seconds);
  } else if (!absl::ParseDuration(text, &timeout)) {
    timeout = absl::ZeroDuration();
  }
  if (timeout > absl::ZeroDuration() && timeout < absl::InfiniteDuration()) {
    return timeout;
  }
  return Bad("--timeout", text, "is no time span; write 30s, 5m or seconds");
}

absl::StatusOr<int64_t> ParseSize(absl::string_view text) {
  int64_t size;
  if (absl::SimpleAtoi(text, &size) && size >= 0) return size;
  return Bad("--size", text, "is no number of bytes");
}

absl::StatusOr<std::map<std::string, std::string>> ParseMetadata(
    const std::vector<std::string>& pairs) {
  std::map<std::string, std::string> metadata;
  for (const std::string& pair : pairs) {
    const size_t equals = pair.find('=');
    if (equals == std::string::npos || equals == 0) {
      return Bad("--metadata", pair, "is not key=value");
    }
    const std::string key = pair.substr(0, equals);
    if (!metadata.emplace(key, pair.substr(equals + 1)).second) {
      return Bad("--metadata", pair, "has a key that was given before");
    }
  }
  return metadata;
}

}  // namespace lakefs::staging
