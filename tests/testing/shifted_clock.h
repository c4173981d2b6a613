// The clock of the machine, which a test can put forward.
#pragma once

#include <atomic>

#include "gateway/base/clock.h"

namespace lakefs::gateway::testing {

// For code of several threads, where a FakeClock would run away from them. Who
// waits when it is put forward waits on by the real clock.
class ShiftedClock final : public Clock {
 public:
  TimePoint Now() const override { return real_.Now() + ahead_.load(); }
  WallTime WallNow() const override {
    return real_.WallNow() +
           std::chrono::duration_cast<WallTime::duration>(ahead_.load());
  }
  bool WaitUntil(absl::Mutex& mu, TimePoint until,
                 const absl::Condition& condition) override {
    ++waits;
    if (until != TimePoint::max()) until -= ahead_.load();
    return real_.WaitUntil(mu, until, condition);
  }

  void Advance(Duration span) { ahead_ = ahead_.load() + span; }

  // How often somebody began to wait.
  std::atomic<int> waits{0};

 private:
  RealClock real_;
  std::atomic<Duration> ahead_{Duration::zero()};
};

}  // namespace lakefs::gateway::testing
