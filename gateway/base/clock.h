// The seam through which the program tells time and waits.
#pragma once

#include <chrono>

#include "absl/synchronization/mutex.h"

namespace lakefs::gateway {

using TimePoint = std::chrono::steady_clock::time_point;
using WallTime = std::chrono::system_clock::time_point;
using Duration = std::chrono::nanoseconds;

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
