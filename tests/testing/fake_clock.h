// A clock that stands still until somebody waits.
#pragma once

#include "gateway/base/clock.h"

namespace lakefs::gateway::testing {

// Waiting takes no time: unless the condition holds already, the clock jumps to
// the end of the wait. For code of one thread.
class FakeClock final : public Clock {
 public:
  TimePoint Now() const override {
    absl::MutexLock lock(&mu_);
    return now_;
  }
  WallTime WallNow() const override {
    return WallTime(std::chrono::seconds(1'700'000'000)) +
           std::chrono::duration_cast<WallTime::duration>(Now() - kStart);
  }
  bool WaitUntil(absl::Mutex&, TimePoint until,
                 const absl::Condition& condition) override {
    if (condition.Eval()) return true;
    absl::MutexLock lock(&mu_);
    if (until > now_) now_ = until;
    return false;
  }

  void Advance(Duration span) {
    absl::MutexLock lock(&mu_);
    now_ += span;
  }
  // What has passed since the clock was made.
  Duration Elapsed() const { return Now() - kStart; }

 private:
  static constexpr TimePoint kStart{std::chrono::hours(1000)};
  mutable absl::Mutex mu_;
  TimePoint now_ ABSL_GUARDED_BY(mu_) = kStart;
};

}  // namespace lakefs::gateway::testing
