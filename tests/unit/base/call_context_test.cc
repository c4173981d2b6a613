#include "gateway/base/call_context.h"

#include <gtest/gtest.h>

#include <thread>

#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;

TEST(CallContextTest, EndsWithItsDeadline) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(10), "id");
  EXPECT_THAT(context.Over(), IsOk());
  EXPECT_EQ(context.Remaining(), seconds(10));
  clock.Advance(seconds(10));
  EXPECT_THAT(context.Over(), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(context.Remaining(), Duration::zero());
}

TEST(CallContextTest, ACopyWithAnEarlierDeadlineSharesTheCancellation) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(10), "id");
  const CallContext early = context.WithDeadline(clock.Now() + seconds(1));
  const CallContext late = context.WithDeadline(clock.Now() + seconds(99));
  EXPECT_EQ(early.Remaining(), seconds(1));
  EXPECT_EQ(late.Remaining(), seconds(10));
  context.Cancel();
  EXPECT_THAT(early.Over(), StatusIs(absl::StatusCode::kCancelled));
}

TEST(CallContextTest, ADetachedOneOutlivesTheCallButCountsForIt) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(1), "id");
  context.Cancel();
  const CallContext detached = context.Detached(seconds(5));
  EXPECT_THAT(detached.Over(), IsOk());
  EXPECT_EQ(detached.Remaining(), seconds(5));
  detached.CountAttempt();
  EXPECT_EQ(context.attempts(), 1);
}

TEST(CallContextTest, SleepEndsWithTheDeadline) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(10), "id");
  EXPECT_THAT(context.Sleep(seconds(4)), IsOk());
  EXPECT_EQ(clock.Elapsed(), seconds(4));
  EXPECT_THAT(context.Sleep(seconds(40)),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(clock.Elapsed(), seconds(10));
}

TEST(CallContextTest, CancelWakesASleeper) {
  RealClock clock;
  const CallContext context(clock, clock.Now() + seconds(60), "id");
  std::thread sleeper([&] {
    EXPECT_THAT(context.Sleep(seconds(50)),
                StatusIs(absl::StatusCode::kCancelled));
  });
  context.Cancel();
  sleeper.join();
  EXPECT_GT(context.Remaining(), seconds(30));
}

TEST(CallContextTest, AHookRunsOnceAndAtOnceIfTooLate) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(10), "id");
  int ran = 0;
  {
    CancelHook gone(context, [&] { ran += 100; });
  }
  CancelHook hook(context, [&] { ++ran; });
  context.Cancel();
  context.Cancel();
  EXPECT_EQ(ran, 1);
  CancelHook late(context, [&] { ++ran; });
  EXPECT_EQ(ran, 2);
}

}  // namespace
}  // namespace lakefs::gateway::testing
