// How long to wait before an attempt is made again, and whether to.
#pragma once

#include <chrono>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"

namespace lakefs::gateway {

struct BackoffOptions {
  // The first wait is at most this long; each later one at most twice as long.
  std::chrono::milliseconds initial{100};
  // No wait is longer, unless the upstream asks for more by Retry-After.
  std::chrono::milliseconds maximum{10'000};
};

// Waits with full jitter: between nothing and a bound that doubles.
class Backoff {
 public:
  Backoff(BackoffOptions options, absl::BitGenRef random)
      : options_(options), random_(random), bound_(options.initial) {}

  // The next wait: random, but not less than `retry_after`.
  Duration Next(std::optional<std::chrono::milliseconds> retry_after);

  // One of the longest waits: the upper half of what is waited at most.
  Duration Longest();

 private:
  const BackoffOptions options_;
  absl::BitGenRef random_;
  std::chrono::milliseconds bound_;
};

// Why an attempt was or was not made again; a metric label, and
// `retryVerdict` in the details of the error.
enum class RetryVerdict {
  kRetried,
  kPermanent,
  kAttemptsUsedUp,
  kDeadline,
  kBudget,
  kCancelled,
};
absl::string_view RetryVerdictName(RetryVerdict verdict);

// Keeps a dead upstream from being hammered: retries spend a token, successes
// earn a part of one back, and without tokens nothing is repeated, or seldom
// (WhenSpent).
//
// Threads: all methods may be called from any thread.
class RetryBudget {
 public:
  struct Options {
    // Tokens at the start and at most. 100 retries in a row are a dead
    // upstream, whatever the number of calls that made them.
    double capacity = 100;
    // Tokens that a success earns: one retry in ten calls is sustainable.
    double per_success = 0.1;
    // Tokens that come back each second, so that the budget recovers with
    // nobody to succeed.
    double per_second = 1;
  };

  RetryBudget(Options options, const Clock& clock);

  // Takes a token for a retry; false if there is none.
  bool Spend();
  void Succeeded();

  // Told of every decision on a failed attempt; to be set before any is made.
  void SetObserver(std::function<void(RetryVerdict)> observer) {
    observer_ = std::move(observer);
  }
  // Hands the verdict to the observer, and returns it.
  RetryVerdict Tell(RetryVerdict verdict) const {
    if (observer_) observer_(verdict);
    return verdict;
  }

 private:
  void Refill() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Options options_;
  const Clock& clock_;
  std::function<void(RetryVerdict)> observer_;
  absl::Mutex mu_;
  double tokens_ ABSL_GUARDED_BY(mu_);
  TimePoint refilled_ ABSL_GUARDED_BY(mu_);
};

// What an empty budget does to an attempt: it is given up, or made rare, by one
// of the longest waits before it.
enum class WhenSpent { kGiveUp, kWaitLong };

// Waits before an attempt that follows `failure`. kRetried means: go on. The
// wait never passes the deadline; if it would, the verdict is kDeadline at
// once, and the time that is left stays for finding out. The budget's observer
// is told.
RetryVerdict WaitToRetry(const CallContext& context,
                         const absl::Status& failure, Backoff& backoff,
                         RetryBudget& budget,
                         WhenSpent when_spent = WhenSpent::kGiveUp);

}  // namespace lakefs::gateway
