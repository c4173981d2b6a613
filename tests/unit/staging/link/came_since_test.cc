// The rows of the table in link_loop.h by which time tells: of another's object
// at a path that nobody looked at beforehand.
#include <gmock/gmock.h>

#include <limits>
#include <random>

#include "gateway/staging/link/link_loop.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::ElementsAre;

constexpr int64_t kDate = 1'800'000'000;  // of all replies, if they have one

class CameSinceTest : public ::testing::Test {
 protected:
  LinkReport Run(bool has_bytes = true) {
    lakefs_.on_call = [this](const std::string& line) {
      if (line.substr(0, 4) == "link" || line == "upload") {
        clock_.Advance(link_takes_);
      }
    };
    LinkLoop loop(lakefs_, budget_, gate_);
    const CallContext context(clock_, clock_.Now() + seconds(600), "test");
    const Place place =
        [](const std::optional<StagingLocation>&) -> absl::StatusOr<Placement> {
      return Placement{.location = {.physical_address = "B"}, .checksum = "c"};
    };
    return loop.Run(context, request_, before_,
                    {.location = {.physical_address = "A"}, .checksum = "c"},
                    has_bytes ? place : Place(nullptr), random_);
  }
  LinkReport Resume(const UndecidedLink& link) {
    LinkLoop loop(lakefs_, budget_, gate_);
    const CallContext context(clock_, clock_.Now() + seconds(600), "test");
    return loop.Resume(context, link, nullptr, random_);
  }
  void Loses() {
    lakefs_.links.push_back(
        {.stats = MakeError(absl::StatusCode::kUnavailable, "lost",
                            Reason::kUpstreamConnectionLost)});
  }
  void Links(const std::string& address) {
    lakefs_.links.push_back(
        {.stats = ObjectStats{.physical_address = address}});
  }
  // A stat that shows an object which is so old.
  void Shows(const std::string& address, int64_t age) {
    lakefs_.stats.push_back(Object(address, kDate - age));
  }
  static ObjectStats Object(const std::string& address, int64_t mtime) {
    return {.path = "p",
            .physical_address = address,
            .checksum = "c",
            .size_bytes = 5,
            .mtime = mtime,
            .shown_at = FromEpochSeconds(kDate)};
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  LinkGate gate_;
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  Duration link_takes_ = seconds(10);
  LinkRequest request_{.object = {"repo", "main", "p"}, .size_bytes = 5};
  Before before_;  // nobody has looked
};

TEST_F(CameSinceTest, WhatIsYoungerThanOurLinkByTwoSecondsHasComeSince) {
  struct Case {
    milliseconds link_takes;
    int64_t age;
    Outcome outcome;
  };
  for (const Case& one : {
           Case{seconds(10), 0, Outcome::kSuperseded},
           Case{seconds(10), 8, Outcome::kSuperseded},
           Case{seconds(10), 9, Outcome::kCommitted},
           Case{seconds(10), 10, Outcome::kCommitted},
           Case{seconds(10), 1'000'000, Outcome::kCommitted},
           // In one second nobody can tell who was first.
           Case{seconds(0), 0, Outcome::kCommitted},
           Case{milliseconds(1'999), 0, Outcome::kCommitted},
           Case{seconds(2), 0, Outcome::kSuperseded},
           // From the future: a clock that was set back, or a caller's mtime.
           Case{seconds(10), -1, Outcome::kCommitted},
           Case{seconds(10), -1'000'000, Outcome::kCommitted},
       }) {
    SCOPED_TRACE(::testing::Message()
                 << one.link_takes.count() << " ms, age " << one.age);
    lakefs_.calls.clear();
    lakefs_.links.clear();
    link_takes_ = one.link_takes;
    Loses();
    Shows("X", one.age);
    Links("A");
    const LinkReport report = Run();
    EXPECT_THAT(report.status, IsOk());
    EXPECT_EQ(report.outcome, one.outcome);
    EXPECT_EQ(report.object->physical_address, "A");
    if (one.outcome == Outcome::kCommitted) {
      EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A"));
    } else {
      EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat"));
    }
  }
}

TEST_F(CameSinceTest, WithoutADateItCountsAsOlder) {
  Loses();
  ObjectStats young = Object("X", kDate);
  young.shown_at.reset();
  lakefs_.stats.push_back(young);
  Links("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(CameSinceTest, AnyTimeIsTaken) {
  constexpr auto kLeast = std::numeric_limits<int64_t>::min();
  constexpr auto kMost = std::numeric_limits<int64_t>::max();
  for (const int64_t mtime : {kLeast, int64_t{-1}, int64_t{0}, kMost}) {
    for (const WallTime date : {WallTime::min(), WallTime(), WallTime::max()}) {
      Loses();
      ObjectStats stats = Object("X", mtime);
      stats.shown_at = date;
      lakefs_.stats.push_back(stats);
      Links("A");
      EXPECT_THAT(Run().status, IsOk());
      lakefs_.links.clear();
    }
  }
}

TEST_F(CameSinceTest, ACreateIsRefusedAndMayYetCome) {
  request_.if_absent = true;
  for (const int64_t age : {0, 1'000}) {
    lakefs_.calls.clear();
    Loses();
    Shows("X", age);
    const LinkReport report = Run();
    EXPECT_THAT(report.status, HasReason(Reason::kObjectExists));
    EXPECT_EQ(report.outcome, Outcome::kUnknown);
    EXPECT_EQ(report.object->physical_address, "X");
    EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
  }
}

TEST_F(CameSinceTest, A412OverAnothersObjectIsBelievedHoweverYoungThatIs) {
  request_.if_absent = true;
  for (const int64_t age : {0, 1'000}) {
    lakefs_.links.push_back(
        {.stats = MakeError(absl::StatusCode::kAlreadyExists, "412",
                            Reason::kObjectExists)});
    Shows("X", age);
    EXPECT_EQ(Run().outcome, Outcome::kNotCommitted);
  }
}

// The first look is as good as one beforehand.
TEST_F(CameSinceTest, WhatCountedAsOlderDoesSoToTheEnd) {
  link_takes_ = seconds(0);
  Loses();
  Shows("X", 0);
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kUnavailable, "lost, after a while",
                          Reason::kUpstreamUnavailable)});
  lakefs_.stats.push_back(Object("X", kDate));
  Links("A");
  LinkLoop loop(lakefs_, budget_, gate_);
  int links = 0;
  const CallContext context(clock_, clock_.Now() + seconds(600), "test");
  lakefs_.on_call = [&](const std::string& line) {
    if (line == "link A" && ++links == 2) clock_.Advance(seconds(30));
  };
  EXPECT_EQ(loop.Run(context, request_, before_,
                     {.location = {.physical_address = "A"}}, nullptr, random_)
                .outcome,
            Outcome::kCommitted);
  EXPECT_EQ(links, 3);
}

TEST_F(CameSinceTest, WhatComesAfterTheFirstLookHasComeSinceHoweverOldItIs) {
  for (const bool nothing_first : {false, true}) {
    lakefs_.calls.clear();
    link_takes_ = seconds(0);
    Loses();
    if (nothing_first) {
      lakefs_.stats.push_back(std::nullopt);
    } else {
      Shows("X", 1'000);
    }
    Loses();
    Shows("Y", 1'000);
    EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
    EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A", "stat"));
  }
}

TEST_F(CameSinceTest, WhatComesWhereOursStoodHasComeSince) {
  link_takes_ = seconds(0);
  Loses();
  Shows("A", 0);
  Loses();
  Shows("Y", 1'000);
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
}

TEST_F(CameSinceTest, ItIsTheFirstLinkOfTheCallThatCounts) {
  lakefs_.links.push_back({.stats = MakeError(absl::StatusCode::kAborted, "409",
                                              Reason::kLinkConflict)});
  Loses();
  Shows("X", 15);  // of the 20 seconds that two links took
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
}

// No link of ours can have stood there before it then.
TEST_F(CameSinceTest, WhatIsSeenBeforeAnyLinkWasLostIsOlder) {
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kFailedPrecondition, "used up",
                          Reason::kLinkAddressExpired)});
  Shows("X", 0);
  Loses();
  Shows("X", 0);
  Links("B");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

// A stat that is asked for many times tells of the last time.
TEST_F(CameSinceTest, ALinkIsAsOldAsItWasWhenTheAnswerWasAskedFor) {
  link_takes_ = seconds(0);
  Loses();
  ErrorDetails busy{.reason = Reason::kUpstreamUnavailable,
                    .retry_after = seconds(10)};
  lakefs_.stats.push_back(
      MakeError(absl::StatusCode::kUnavailable, "busy", busy));
  Shows("X", 5);
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);

  lakefs_.calls.clear();
  Loses();
  Shows("X", 5);
  Links("A");
  const Duration slow = seconds(30);
  LinkLoop loop(lakefs_, budget_, gate_);
  const CallContext context(clock_, clock_.Now() + seconds(600), "test");
  lakefs_.on_call = [&](const std::string& line) {
    if (line == "stat") clock_.Advance(slow);  // made at once, came late
  };
  EXPECT_EQ(loop.Run(context, request_, before_,
                     {.location = {.physical_address = "A"}}, nullptr, random_)
                .outcome,
            Outcome::kCommitted);
}

TEST_F(CameSinceTest, ALinkThatIsResumedIsAsOldAsItIs) {
  const UndecidedLink link{
      .request = request_,
      .placement = {.location = {.physical_address = "A"}},
      .ours = {{"A", {.location = {.physical_address = "A"}}}},
      .lost = true,
      .first_sent = clock_.Now() - seconds(3'600)};
  Shows("X", 3'590);
  EXPECT_EQ(Resume(link).outcome, Outcome::kSuperseded);
  Shows("X", 3'599);
  Links("A");
  EXPECT_EQ(Resume(link).outcome, Outcome::kCommitted);
}

// Nor does a link by itself, of bytes that its caller has put there, look
// beforehand.
TEST_F(CameSinceTest, ALinkWithoutBytesIsJudgedAlike) {
  Loses();
  Shows("X", 0);
  EXPECT_EQ(Run(/*has_bytes=*/false).outcome, Outcome::kSuperseded);
  Loses();
  Shows("X", 100);
  Links("A");
  EXPECT_EQ(Run(/*has_bytes=*/false).outcome, Outcome::kCommitted);
}

TEST_F(CameSinceTest, ALookThatFailedLeavesItToTheNext) {
  Loses();
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  const LinkReport unknown = Run();
  EXPECT_EQ(unknown.outcome, Outcome::kUnknown);
  ASSERT_TRUE(unknown.undecided);
  for (const int64_t age : {0, 9}) {
    Shows("X", age);
    if (age == 9) Links("A");
    EXPECT_EQ(Resume(*unknown.undecided).outcome,
              age == 9 ? Outcome::kCommitted : Outcome::kSuperseded);
  }
}

// Where nothing marks ours, what is seen may be ours.
TEST_F(CameSinceTest, WhereOursHasNoMarkNothingHasComeSince) {
  before_ = {.ours_unmarked = true};
  Loses();
  Shows("X", 0);
  Loses();
  Shows("Y", 0);
  Links("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

}  // namespace
}  // namespace lakefs::gateway::testing
