#include "gateway/http/reply_time.h"

#include <algorithm>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/time/time.h"

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

// No upstream is waited for longer than this.
constexpr int64_t kMostSeconds = 300;

std::optional<absl::Time> Date(absl::string_view text) {
  // absl reads "infinite-future" in any form; a date ends in its zone.
  absl::Time time;
  if (!absl::EndsWith(text, "GMT") ||
      !absl::ParseTime("%a, %d %b %Y %H:%M:%S GMT", text, &time, nullptr)) {
    return std::nullopt;
  }
  return time;
}

seconds Capped(int64_t count) {
  return seconds(std::clamp<int64_t>(count, 0, kMostSeconds));
}

}  // namespace

std::optional<WallTime> DateOf(const HttpResponse& response) {
  const auto date = Date(response.Header("date"));
  if (!date) return std::nullopt;
  return absl::ToChronoTime(*date);
}

std::optional<std::chrono::milliseconds> RetryAfterOf(
    const HttpResponse& response) {
  const absl::string_view text = response.Header("retry-after");
  int64_t count = 0;
  if (absl::SimpleAtoi(text, &count)) {
    if (count < 0) return std::nullopt;
    return Capped(count);
  }
  const auto until = Date(text);
  const auto now = Date(response.Header("date"));
  if (!until || !now) return std::nullopt;
  return Capped(absl::ToInt64Seconds(*until - *now));
}

}  // namespace lakefs::gateway
