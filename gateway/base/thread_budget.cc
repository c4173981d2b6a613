#include "gateway/base/thread_budget.h"

#include <algorithm>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

// So many are looked for at a time. It takes some milliseconds.
constexpr int kBatch = 64;

// Where the limit was met, it is not met again sooner: for a moment nobody else
// can start a thread.
constexpr absl::Duration kLookEvery = absl::Seconds(1);

// How many threads can be started now, up to `most`.
int Startable(int most) {
  absl::Notification end;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(most));
  try {
    for (int i = 0; i < most; ++i) {
      threads.emplace_back([&end] { end.WaitForNotification(); });
    }
  } catch (const std::system_error&) {
  }
  end.Notify();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

}  // namespace

absl::Status ThreadBudget::Reserve(int threads) {
  absl::MutexLock lock(&mu_);
  if (!Have(threads)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the system lets the gateway start ", free_ + spare_,
        " threads at most, and it needs ", threads + spare_,
        ": raise the limit of the user (ulimit -u, RLIMIT_NPROC) or of the "
        "container (pids.max)"));
  }
  free_ -= threads;
  return absl::OkStatus();
}

bool ThreadBudget::TryTake() {
  absl::MutexLock lock(&mu_);
  if (!Have(1)) return false;
  --free_;
  return true;
}

void ThreadBudget::Failed() {
  absl::MutexLock lock(&mu_);
  free_ = 0;
  look_again_ = absl::Now() + kLookEvery;
}

bool ThreadBudget::Have(int threads) {
  if (free_ >= threads) return true;
  if (absl::Now() < look_again_) return false;
  const int wanted = spare_ + std::max(threads, kBatch);
  const int startable = Startable(wanted);
  free_ = startable - spare_;
  if (startable < wanted) {
    look_again_ = absl::Now() + kLookEvery;
    Log(LogLevel::kWarning, "threads are limited",
        {{"left", int64_t{startable}}, {"kept for gRPC", int64_t{spare_}}});
  }
  return free_ >= threads;
}

}  // namespace lakefs::gateway
