#include "gateway/objectstore/url_expiry.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

// No store signs for longer than a week.
constexpr int64_t kLongestSeconds = 7 * 24 * 3600;

// The value of a parameter of the query, with its colons decoded; empty if
// there is none.
std::string Parameter(absl::string_view query, absl::string_view name) {
  for (const absl::string_view field : absl::StrSplit(query, '&')) {
    const std::pair<absl::string_view, absl::string_view> pair =
        absl::StrSplit(field, absl::MaxSplits('=', 1));
    if (absl::EqualsIgnoreCase(pair.first, name)) {
      return absl::StrReplaceAll(pair.second, {{"%3A", ":"}, {"%3a", ":"}});
    }
  }
  return "";
}

std::optional<seconds> Span(const std::string& text) {
  int64_t count = 0;
  if (!absl::SimpleAtoi(text, &count) || count < 0) return std::nullopt;
  return seconds(std::min(count, kLongestSeconds));
}

std::optional<absl::Time> Time(const std::string& text) {
  absl::Time time;
  // The forms that Azure takes in a SAS.
  for (const char* form : {absl::RFC3339_full, "%Y-%m-%dT%H:%MZ", "%Y-%m-%d"}) {
    if (absl::ParseTime(form, text, &time, nullptr)) return time;
  }
  return std::nullopt;
}

}  // namespace

std::optional<seconds> UrlLifetime(absl::string_view url, WallTime signer_now) {
  const size_t mark = url.find('?');
  if (mark == absl::string_view::npos) return std::nullopt;
  const absl::string_view query = url.substr(mark + 1);
  for (const char* name : {"X-Amz-Expires", "X-Goog-Expires"}) {
    const std::string value = Parameter(query, name);
    if (!value.empty()) return Span(value);
  }
  const auto end = Time(Parameter(query, "se"));
  if (!end) return std::nullopt;
  const auto begin = Time(Parameter(query, "st"));
  const absl::Duration left =
      *end - begin.value_or(absl::FromChrono(signer_now));
  return seconds(
      std::clamp<int64_t>(absl::ToInt64Seconds(left), 0, kLongestSeconds));
}

}  // namespace lakefs::gateway
