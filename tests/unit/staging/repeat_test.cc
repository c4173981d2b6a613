#include "gateway/staging/repeat.h"

#include <gmock/gmock.h>

#include <random>

#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;

class RepeatTest : public ::testing::Test {
 protected:
  // What an upstream answers that is down until then.
  absl::Status DownFor(Duration span) {
    ++attempts_;
    if (clock_.Elapsed() >= span) return absl::OkStatus();
    return MakeError(absl::StatusCode::kUnavailable, "refused",
                     Reason::kUpstreamUnreachable);
  }
  std::string Verdict(const absl::Status& status) {
    return DetailsOf(status).metadata["retryVerdict"];
  }

  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(3600), "test"};
  RetryBudget budget_{{}, clock_};
  std::mt19937_64 random_{1};
  int attempts_ = 0;
};

TEST_F(RepeatTest, SixAttemptsInARowAreEnoughForAQuestion) {
  const absl::Status status = Repeat(context_, budget_, random_,
                                     [&] { return DownFor(seconds(3600)); });
  EXPECT_THAT(status, HasReason(Reason::kUpstreamUnreachable));
  EXPECT_EQ(Verdict(status), "attempts_used_up");
  EXPECT_EQ(attempts_, 6);
}

TEST_F(RepeatTest, BytesOutlastAStoreThatIsAwayForAWhile) {
  for (const int away : {5, 10, 50}) {
    clock_.Advance(seconds(100));  // the budget is full again
    const Duration until = clock_.Elapsed() + seconds(away);
    EXPECT_THAT(Repeat(
                    context_, budget_, random_, [&] { return DownFor(until); },
                    kForBytes),
                IsOk())
        << away;
  }
}

TEST_F(RepeatTest, ForAMinuteOrSoAndNoLonger) {
  const absl::Status status = Repeat(
      context_, budget_, random_, [&] { return DownFor(seconds(3600)); },
      kForBytes);
  EXPECT_EQ(Verdict(status), "attempts_used_up");
  EXPECT_GE(clock_.Elapsed(), seconds(60));
  EXPECT_LE(clock_.Elapsed(), seconds(70));
  EXPECT_LE(attempts_, 40);
}

TEST_F(RepeatTest, WithoutBudgetBytesAreTriedSeldomInsteadOfNever) {
  RetryBudget empty({.capacity = 0}, clock_);
  EXPECT_THAT(Repeat(
                  context_, empty, random_,
                  [&] { return DownFor(seconds(10)); }, kForBytes),
              IsOk());
  EXPECT_LE(attempts_, 1 + 2) << "5 to 10 s lie between them";
  attempts_ = 0;
  const absl::Status question =
      Repeat(context_, empty, random_, [&] { return DownFor(seconds(3600)); });
  EXPECT_EQ(Verdict(question), "budget");
  EXPECT_EQ(attempts_, 1);
}

TEST_F(RepeatTest, ARefusalIsFinalAtOnce) {
  const absl::Status status = Repeat(
      context_, budget_, random_,
      [&] {
        ++attempts_;
        return MakeError(absl::StatusCode::kPermissionDenied, "no",
                         Reason::kStoreRejected);
      },
      kForBytes);
  EXPECT_EQ(Verdict(status), "permanent");
  EXPECT_EQ(attempts_, 1);
  EXPECT_EQ(clock_.Elapsed(), Duration::zero());
}

TEST_F(RepeatTest, TheDeadlineOfTheCallGoesBefore) {
  const CallContext soon = context_.WithDeadline(clock_.Now() + seconds(3));
  const absl::Status status = Repeat(
      soon, budget_, random_, [&] { return DownFor(seconds(3600)); },
      kForBytes);
  EXPECT_EQ(Verdict(status), "deadline");
  EXPECT_LT(clock_.Elapsed(), seconds(3));
}

}  // namespace
}  // namespace lakefs::gateway::testing
