#include "gateway/base/clock.h"

#include <algorithm>

namespace lakefs::gateway {

WallTime FromEpochSeconds(int64_t seconds) {
  constexpr auto kMost =
      std::chrono::floor<std::chrono::seconds>(WallTime::duration::max());
  return WallTime(std::chrono::seconds(
      std::clamp<int64_t>(seconds, -kMost.count(), kMost.count())));
}

int64_t EpochSeconds(WallTime time) {
  return std::chrono::floor<std::chrono::seconds>(time.time_since_epoch())
      .count();
}

TimePoint RealClock::Now() const { return std::chrono::steady_clock::now(); }

WallTime RealClock::WallNow() const { return std::chrono::system_clock::now(); }

bool RealClock::WaitUntil(absl::Mutex& mu, TimePoint until,
                          const absl::Condition& condition) {
  if (until == TimePoint::max()) {
    mu.Await(condition);
    return true;
  }
  const Duration left = std::max(Duration::zero(), Duration(until - Now()));
  return mu.AwaitWithTimeout(condition, absl::FromChrono(left));
}

}  // namespace lakefs::gateway
