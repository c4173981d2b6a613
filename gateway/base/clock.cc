#include "gateway/base/clock.h"

#include <algorithm>

namespace lakefs::gateway {

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
