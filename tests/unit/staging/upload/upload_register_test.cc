#include "gateway/staging/upload/upload_register.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "gateway/staging/link/link_loop.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

UploadRequest Request(const std::string& request_id = "r1") {
  return {.object = {"repo", "main", "p"},
          .user_metadata = {{"k", "v"}},
          .request_id = request_id};
}
UploadReport Success() {
  return {.link = {.outcome = Outcome::kCommitted,
                   .object = ObjectStats{.physical_address = "A"}},
          .crc32c = 7};
}
UploadReport Failure() {
  return {.link = NotCommitted(absl::UnavailableError("failed"))};
}

class UploadRegisterTest : public ::testing::Test {
 protected:
  CallContext Call(const std::string& authorization = "") {
    return {clock_, clock_.Now() + seconds(10),
            CallInfo{.call_id = "c", .authorization = authorization}};
  }
  void Ran(UploadRegister& uploads, const UploadRequest& request,
           const UploadReport& report) {
    auto turn = uploads.Begin(Call(), request);
    ASSERT_THAT(turn, IsOk());
    turn->End(report, clock_.Now());
  }

  FakeClock clock_;
  UploadRegister uploads_;
};

TEST_F(UploadRegisterTest, ANewRequestRunsAndARepeatedOneGetsItsResult) {
  {
    auto turn = uploads_.Begin(Call(), Request());
    ASSERT_THAT(turn, IsOk());
    EXPECT_FALSE(turn->earlier());
    EXPECT_TRUE(uploads_.Find(Call(), "r1")->running);
    turn->End(Success(), clock_.Now());
  }
  auto again = uploads_.Begin(Call(), Request());
  ASSERT_THAT(again, IsOk());
  ASSERT_TRUE(again->earlier());
  EXPECT_EQ(again->earlier()->crc32c, 7U);
  EXPECT_EQ(again->earlier()->link.object->physical_address, "A");
  EXPECT_FALSE(uploads_.Find(Call(), "r1")->running);
}

TEST_F(UploadRegisterTest, AFailedRequestRunsAgainAndSeesHowItFailed) {
  Ran(uploads_, Request(), Failure());
  auto again = uploads_.Begin(Call(), Request());
  ASSERT_THAT(again, IsOk());
  ASSERT_TRUE(again->earlier());
  EXPECT_THAT(again->earlier()->link.status,
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(uploads_.Find(Call(), "r1")->running);
  again->End(Success(), clock_.Now());
  EXPECT_THAT(uploads_.Find(Call(), "r1")->report.link.status, IsOk());
}

TEST_F(UploadRegisterTest, AnotherHeaderIsRefused) {
  Ran(uploads_, Request(), Success());
  using Change = void (*)(UploadRequest&);
  const Change changes[] = {
      [](UploadRequest& r) { r.object.path = "q"; },
      [](UploadRequest& r) { r.user_metadata["k"] = "w"; },
      [](UploadRequest& r) { r.content_type = "text/x"; },
      [](UploadRequest& r) { r.size_bytes = 1; },
      [](UploadRequest& r) { r.if_absent = true; },
      [](UploadRequest& r) { r.if_match = "x"; },
      [](UploadRequest& r) { r.force = true; },
      [](UploadRequest& r) { r.mtime = WallTime(seconds(1)); }};
  for (const Change change : changes) {
    UploadRequest other = Request();
    change(other);
    EXPECT_THAT(uploads_.Begin(Call(), other),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
}

TEST_F(UploadRegisterTest, CallersOfOtherAuthorizationDoNotMeet) {
  {
    auto turn = uploads_.Begin(Call("Basic a"), Request());
    ASSERT_THAT(turn, IsOk());
    turn->End(Success(), clock_.Now());
  }
  EXPECT_TRUE(uploads_.Find(Call("Basic a"), "r1"));
  EXPECT_FALSE(uploads_.Find(Call("Basic b"), "r1"));
  EXPECT_FALSE(uploads_.Find(Call(), "r1"));
}

TEST_F(UploadRegisterTest, ATurnThatWasNotEndedLeavesNothing) {
  { auto turn = uploads_.Begin(Call(), Request()); }
  EXPECT_FALSE(uploads_.Find(Call(), "r1"));
}

TEST_F(UploadRegisterTest, IsForgottenAfterItsLifetime) {
  Ran(uploads_, Request(), Success());
  clock_.Advance(hours(6) - seconds(1));
  EXPECT_TRUE(uploads_.Find(Call(), "r1"));
  clock_.Advance(seconds(1));
  EXPECT_FALSE(uploads_.Find(Call(), "r1"));
}

TEST_F(UploadRegisterTest, TheOldestAreForgottenWhenThereAreTooMany) {
  UploadRegister small({.max_bytes = 64 << 10});
  auto running = small.Begin(Call(), Request("running"));
  ASSERT_THAT(running, IsOk());
  for (int i = 0; i < 1000; ++i) {
    Ran(small, Request(std::to_string(i)), Success());
  }
  EXPECT_FALSE(small.Find(Call(), "0"));
  EXPECT_TRUE(small.Find(Call(), "999"));
  EXPECT_TRUE(small.Find(Call(), "running"));
  running->End(Success(), clock_.Now());
}

// An address that may yet be linked is worth more than a result.
TEST_F(UploadRegisterTest, WhatIsUndecidedIsForgottenLast) {
  UploadRegister uploads({.max_bytes = 10'000});
  UploadReport unknown = Failure();
  unknown.link.outcome = Outcome::kUnknown;
  unknown.link.undecided = std::make_shared<const UndecidedLink>();
  Ran(uploads, Request("unknown"), unknown);
  Ran(uploads, Request("found out"), unknown);
  uploads.Found(Call(), "found out", *unknown.link.undecided, Success().link);
  for (int i = 0; i < 100; ++i) {
    Ran(uploads, Request(std::to_string(i)), Success());
  }
  EXPECT_TRUE(uploads.Find(Call(), "unknown"));
  EXPECT_FALSE(uploads.Find(Call(), "found out"));
  EXPECT_FALSE(uploads.Find(Call(), "0"));
  EXPECT_TRUE(uploads.Find(Call(), "99"));
  for (int i = 0; i < 100; ++i) {
    Ran(uploads, Request(std::to_string(100 + i)), unknown);
  }
  EXPECT_FALSE(uploads.Find(Call(), "unknown")) << "there is a bound";
}

// Whoever looked for it was slower than a repeated call.
TEST_F(UploadRegisterTest, WhatIsFoundOutOfAnEarlierLinkChangesNothing) {
  const auto unknown = [] {
    UploadReport report = Failure();
    report.link.outcome = Outcome::kUnknown;
    report.link.undecided = std::make_shared<const UndecidedLink>();
    return report;
  };
  const UploadReport first = unknown();
  Ran(uploads_, Request(), first);
  auto turn = uploads_.Begin(Call(), Request());
  ASSERT_THAT(turn, IsOk());
  uploads_.Found(Call(), "r1", *first.link.undecided, Success().link);
  EXPECT_TRUE(uploads_.Find(Call(), "r1")->running);
  EXPECT_EQ(uploads_.Find(Call(), "r1")->report.link.outcome,
            Outcome::kUnknown);
  const UploadReport second = unknown();
  turn->End(second, clock_.Now());
  uploads_.Found(Call(), "r1", *first.link.undecided, Success().link);
  EXPECT_EQ(uploads_.Find(Call(), "r1")->report.link.outcome,
            Outcome::kUnknown);
  uploads_.Found(Call(), "r1", *second.link.undecided, Success().link);
  EXPECT_EQ(uploads_.Find(Call(), "r1")->report.link.outcome,
            Outcome::kCommitted);
}

TEST_F(UploadRegisterTest, OfTwoAtOnceOneWaitsForTheOthersResult) {
  RealClock clock;
  const CallContext context(clock, clock.Now() + seconds(30), "c");
  auto turn = uploads_.Begin(context, Request());
  ASSERT_THAT(turn, IsOk());
  std::atomic<bool> ended = false;
  std::thread other([&] {
    auto second = uploads_.Begin(context, Request());
    EXPECT_TRUE(ended);
    ASSERT_THAT(second, IsOk());
    ASSERT_TRUE(second->earlier());
    EXPECT_EQ(second->earlier()->crc32c, 7U);
  });
  std::this_thread::sleep_for(milliseconds(20));
  ended = true;
  turn->End(Success(), clock.Now());
  other.join();
}

TEST_F(UploadRegisterTest, WhoWaitsTakesOverWhenTheOtherFails) {
  RealClock clock;
  const CallContext context(clock, clock.Now() + seconds(30), "c");
  std::optional<UploadRegister::Turn> turn;
  turn = *uploads_.Begin(context, Request());
  std::atomic<int> ran = 0;
  std::vector<std::thread> others;
  for (int i = 0; i < 4; ++i) {
    others.emplace_back([&] {
      auto next = uploads_.Begin(context, Request());
      ASSERT_THAT(next, IsOk());
      if (next->earlier() && next->earlier()->link.status.ok()) return;
      ++ran;
      next->End(Success(), clock.Now());
    });
  }
  std::this_thread::sleep_for(milliseconds(20));
  turn.reset();  // dropped: its caller vanished
  for (std::thread& other : others) other.join();
  EXPECT_EQ(ran, 1);
}

TEST_F(UploadRegisterTest, AWaitEndsWithItsCall) {
  RealClock clock;
  const CallContext first(clock, clock.Now() + seconds(30), "first");
  auto turn = uploads_.Begin(first, Request());
  ASSERT_THAT(turn, IsOk());
  const CallContext late(clock, clock.Now() + milliseconds(10), "late");
  EXPECT_THAT(uploads_.Begin(late, Request()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  const CallContext cancelled(clock, clock.Now() + seconds(30), "cancelled");
  std::thread canceller([&] {
    std::this_thread::sleep_for(milliseconds(10));
    cancelled.Cancel();
  });
  EXPECT_THAT(uploads_.Begin(cancelled, Request()),
              StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
  turn->End(Success(), clock.Now());
}

}  // namespace
}  // namespace lakefs::gateway::testing
