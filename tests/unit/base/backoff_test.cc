#include "gateway/base/backoff.h"

#include <gtest/gtest.h>

#include <random>

#include "gateway/base/error.h"
#include "tests/testing/fake_clock.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

absl::Status Failure(std::optional<milliseconds> retry_after = std::nullopt) {
  return MakeError(
      absl::StatusCode::kUnavailable, "down",
      {.reason = Reason::kUpstreamUnavailable, .retry_after = retry_after});
}

class BackoffTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  std::mt19937_64 random_{1};
  RetryBudget budget_{{}, clock_};
  CallContext context_{clock_, clock_.Now() + seconds(60), "test"};
};

TEST_F(BackoffTest, WaitsAreJitteredUnderABoundThatDoublesToTheMaximum) {
  Backoff backoff({.initial = milliseconds(100), .maximum = milliseconds(400)},
                  random_);
  Duration longest{};
  const Duration bounds[] = {milliseconds(100), milliseconds(200),
                             milliseconds(400), milliseconds(400)};
  for (const Duration bound : bounds) {
    const Duration wait = backoff.Next(std::nullopt);
    EXPECT_LE(wait, bound);
    longest = std::max(longest, wait);
  }
  EXPECT_GT(longest, Duration::zero());
}

TEST_F(BackoffTest, RetryAfterIsAFloor) {
  Backoff backoff({}, random_);
  EXPECT_GE(backoff.Next(milliseconds(9'000)), seconds(9));
}

TEST_F(BackoffTest, AWaitPastTheDeadlineIsNotBegun) {
  Backoff backoff({}, random_);
  EXPECT_EQ(WaitToRetry(context_, Failure(seconds(60)), backoff, budget_),
            RetryVerdict::kDeadline);
  EXPECT_EQ(clock_.Elapsed(), Duration::zero());
}

TEST_F(BackoffTest, ACancelledCallIsNotRepeated) {
  Backoff backoff({}, random_);
  context_.Cancel();
  EXPECT_EQ(WaitToRetry(context_, Failure(), backoff, budget_),
            RetryVerdict::kCancelled);
}

TEST_F(BackoffTest, ADeadUpstreamUsesTheBudgetUpAndTimeGivesItBack) {
  RetryBudget budget({.capacity = 3, .per_success = 0.5, .per_second = 1},
                     clock_);
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(budget.Spend());
  Backoff backoff({}, random_);
  EXPECT_EQ(WaitToRetry(context_, Failure(), backoff, budget),
            RetryVerdict::kBudget);
  clock_.Advance(seconds(1));
  EXPECT_TRUE(budget.Spend());
  EXPECT_FALSE(budget.Spend());
  budget.Succeeded();
  EXPECT_FALSE(budget.Spend()) << "half a token is none";
  budget.Succeeded();
  EXPECT_TRUE(budget.Spend());
}

TEST_F(BackoffTest, AnEmptyBudgetMayMakeRetriesRareInstead) {
  RetryBudget budget({.capacity = 0}, clock_);
  Backoff backoff({}, random_);
  EXPECT_EQ(
      WaitToRetry(context_, Failure(), backoff, budget, WhenSpent::kWaitLong),
      RetryVerdict::kRetried);
  EXPECT_GE(clock_.Elapsed(), seconds(5));
  EXPECT_LE(clock_.Elapsed(), seconds(10));
  const CallContext soon = context_.WithDeadline(clock_.Now() + seconds(4));
  EXPECT_EQ(WaitToRetry(soon, Failure(), backoff, budget, WhenSpent::kWaitLong),
            RetryVerdict::kBudget)
      << "there is no time to wait long";
}

}  // namespace
}  // namespace lakefs::gateway::testing
