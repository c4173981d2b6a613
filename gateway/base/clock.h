// The seam through which the program tells time and waits.
#pragma once

#include <chrono>
#include <cstdint>

#include "absl/synchronization/mutex.h"

namespace lakefs::gateway {

using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

// The time of day so many seconds after 1970. One that the clock cannot hold
// (it has 1677 to 2262) becomes its nearest.
WallTime FromEpochSeconds(int64_t seconds);

// The same the other way, with fractions dropped.
int64_t EpochSeconds(WallTime time);

// A clock that can be waited on. Every wait of the program goes through one,
// so that tests run hours of backoff in no time.
//
// Threads: all methods may be called from any thread.
class Clock {
 public:
  virtual ~Clock() = default;

  // Monotonic time: what deadlines and spans are measured by.
  virtual TimePoint Now() const = 0;

  // Time of day: what expiries of presigned URLs are compared with.
  virtual WallTime WallNow() const = 0;

  // Blocks until `condition` holds or `until` has come, with `mu` held on entry
  // and on return. Returns whether the condition holds.
  virtual bool WaitUntil(absl::Mutex& mu, TimePoint until,
                         const absl::Condition& condition)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) = 0;
};

// The clock of the machine.
class RealClock final : public Clock {
 public:
  TimePoint Now() const override;
  WallTime WallNow() const override;
  bool WaitUntil(absl::Mutex& mu, TimePoint until,
                 const absl::Condition& condition) override;
};

}  // namespace lakefs::gateway
