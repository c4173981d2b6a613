#include "gateway/staging/link/link_gate.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "gateway/base/error.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

absl::Status Throttled() {
  return MakeError(absl::StatusCode::kResourceExhausted, "429",
                   Reason::kUpstreamThrottled);
}

class LinkGateTest : public ::testing::Test {
 protected:
  LinkGate::Pass Enter(LinkGate& gate) { return *gate.Enter(Call(seconds(1))); }
  CallContext Call(Duration deadline) {
    return {clock_, clock_.Now() + deadline, "test"};
  }

  FakeClock clock_;
};

TEST_F(LinkGateTest, HalvesWhenLakefsHasTooMuchToDo) {
  LinkGate gate({.initial = 16});
  for (const Reason reason :
       {Reason::kUpstreamThrottled, Reason::kUpstreamUnavailable,
        Reason::kBranchLocked}) {
    const int before = gate.limit();
    Enter(gate).Done(MakeError(absl::StatusCode::kUnavailable, "busy", reason));
    EXPECT_EQ(gate.limit(), before / 2);
  }
  Enter(gate).Done(
      MakeError(absl::StatusCode::kNotFound, "no branch", Reason::kNotFound));
  EXPECT_EQ(gate.limit(), 2);
}

TEST_F(LinkGateTest, NeverClosesAltogether) {
  LinkGate gate({.initial = 2});
  for (int i = 0; i < 10; ++i) Enter(gate).Done(Throttled());
  EXPECT_EQ(gate.limit(), 1);
}

TEST_F(LinkGateTest, AnswersToLinksSentTogetherHalveItOnce) {
  LinkGate gate({.initial = 16});
  std::vector<LinkGate::Pass> passes;
  for (int i = 0; i < 16; ++i) passes.push_back(Enter(gate));
  for (LinkGate::Pass& pass : passes) pass.Done(Throttled());
  EXPECT_EQ(gate.limit(), 8);
}

TEST_F(LinkGateTest, GrowsByOneForAsManySuccessesAsItIsLarge) {
  LinkGate gate({.initial = 4, .largest = 6});
  for (int i = 0; i < 5; ++i) Enter(gate).Done(absl::OkStatus());
  EXPECT_EQ(gate.limit(), 5);
  for (int i = 0; i < 50; ++i) Enter(gate).Done(absl::OkStatus());
  EXPECT_EQ(gate.limit(), 6);
}

TEST_F(LinkGateTest, NoMoreThanTheLimitAreLetIn) {
  LinkGate gate({.initial = 1});
  LinkGate::Pass pass = Enter(gate);
  EXPECT_THAT(gate.Enter(Call(seconds(3))),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  const CallContext cancelled = Call(seconds(3));
  cancelled.Cancel();
  EXPECT_THAT(gate.Enter(cancelled), StatusIs(absl::StatusCode::kCancelled));
  pass.Done(absl::OkStatus());
  Enter(gate).Done(absl::OkStatus());
}

TEST_F(LinkGateTest, WhoWaitsIsLetInWhenAnotherLeaves) {
  RealClock clock;
  LinkGate gate({.initial = 2, .largest = 2});
  std::atomic<int> inside = 0;
  std::atomic<int> most = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto pass =
          gate.Enter(CallContext(clock, clock.Now() + seconds(30), "test"));
      ASSERT_THAT(pass, IsOk());
      const int now = ++inside;
      int seen = most;
      while (now > seen && !most.compare_exchange_weak(seen, now)) {
      }
      std::this_thread::sleep_for(milliseconds(2));
      --inside;
      pass->Done(absl::OkStatus());
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(most, 2);
}

}  // namespace
}  // namespace lakefs::gateway::testing
