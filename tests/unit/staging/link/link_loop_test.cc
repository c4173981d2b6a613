// Every row of the table in link_loop.h, each under the outcome it must have.
#include "gateway/staging/link/link_loop.h"

#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Not;

ObjectStats StatsAt(const std::string& address) {
  return {.path = "p",
          .physical_address = address,
          .checksum = "c",
          .size_bytes = 5,
          .mtime = 1};
}

LinkAnswer Fails(Reason reason,
                 absl::StatusCode code = absl::StatusCode::kUnavailable) {
  return {.stats = MakeError(code, "scripted", reason)};
}
LinkAnswer Links(const std::string& address) {
  return {.stats = StatsAt(address)};
}
LinkAnswer Lost() { return Fails(Reason::kUpstreamConnectionLost); }
LinkAnswer Precondition() {
  return Fails(Reason::kObjectExists, absl::StatusCode::kAlreadyExists);
}
LinkAnswer Conflict(std::optional<StagingLocation> try_here = std::nullopt) {
  return {.stats = MakeError(absl::StatusCode::kAborted, "conflict",
                             Reason::kLinkConflict),
          .try_here = std::move(try_here)};
}
LinkAnswer Unusable() {
  return Fails(Reason::kLinkAddressExpired,
               absl::StatusCode::kFailedPrecondition);
}

class LinkLoopTest : public ::testing::Test {
 protected:
  LinkReport Run(seconds deadline = seconds(60)) {
    CallContext context(clock_, clock_.Now() + deadline, "test");
    return RunIn(context);
  }

  LinkReport RunIn(const CallContext& context) {
    LinkLoop loop(lakefs_, budget_, gate_);
    const Place place = [this](const std::optional<StagingLocation>& where)
        -> absl::StatusOr<Placement> {
      lakefs_.calls.push_back(where ? "put at " + where->physical_address
                                    : "put anew");
      if (!place_error_.ok()) return place_error_;
      return Placement{.location = where ? *where
                                         : StagingLocation{.physical_address =
                                                               NextAddress()},
                       .checksum = "c",
                       .relinkable = relinkable_};
    };
    return loop.Run(
        context, request_, before_,
        {.location = {.physical_address = address_, .token = token_},
         .checksum = "c",
         .relinkable = relinkable_,
         .link_before = link_before_},
        can_place_ ? place : Place(nullptr), random_);
  }

  LinkReport Resume(const UndecidedLink& link) {
    LinkLoop loop(lakefs_, budget_, gate_);
    return loop.Resume(CallContext(clock_, clock_.Now() + seconds(60), "test"),
                       link, nullptr, random_);
  }

  std::string NextAddress() { return {next_address_++}; }

  void Stat(const std::optional<ObjectStats>& stats) {
    lakefs_.stats.push_back(stats);
  }
  void Link(LinkAnswer answer) { lakefs_.links.push_back(std::move(answer)); }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  LinkGate gate_;
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  LinkRequest request_{.object = {"repo", "main", "p"}, .size_bytes = 5};
  Before before_{.known = true};
  std::string address_ = "A";
  bool relinkable_ = true;
  std::optional<std::string> token_;
  TimePoint link_before_ = TimePoint::max();
  bool can_place_ = true;
  absl::Status place_error_;
  char next_address_ = 'B';
};

TEST_F(LinkLoopTest, A200IsCommitted) {
  Link(Links("A"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "A");
  EXPECT_EQ(report.rounds, 1);
  EXPECT_EQ(report.rescue, "");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A"));
}

// Releases that may skip a create, and answer it as if it was written.

TEST_F(LinkLoopTest, ACreateThatShowsAnothersMayHaveBeenSkipped) {
  request_.if_absent = request_.skips_creates = true;
  relinkable_ = false;
  Link(Links("A"));
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kObjectExists));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->physical_address, "X");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
  // Who asks again is told the same.
  ASSERT_TRUE(report.undecided);
  Stat(StatsAt("X"));
  const LinkReport again = Resume(*report.undecided);
  EXPECT_THAT(again.status, HasReason(Reason::kObjectExists));
  EXPECT_EQ(again.outcome, Outcome::kUnknown);
}

TEST_F(LinkLoopTest, ACreateOverWhatWasUnknownBeforeMayHaveBeenSkipped) {
  request_.if_absent = request_.skips_creates = true;
  before_.known = false;
  Link(Links("A"));
  Stat(StatsAt("X"));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(LinkLoopTest, ACreateThatShowsOursWasWritten) {
  request_.if_absent = request_.skips_creates = true;
  Link(Links("A"));
  Stat(StatsAt("A"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "A");
}

// Only what stands there can have been the reason to skip it.
TEST_F(LinkLoopTest, ACreateThatShowsNothingWasWritten) {
  request_.if_absent = request_.skips_creates = true;
  Link(Links("A"));
  Stat(std::nullopt);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, ACreateOfWhoMayNotLookIsAsLakefsSays) {
  request_.if_absent = request_.skips_creates = true;
  Link(Links("A"));
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, OnlyCreatesAreSkipped) {
  request_.skips_creates = true;
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A"));
}

TEST_F(LinkLoopTest, TheLinkCarriesAllThatTheCallerAskedFor) {
  request_.content_type = "text/x";
  request_.user_metadata = {{"k", "v"}};
  request_.mtime = WallTime(seconds(7));
  request_.force = true;
  request_.if_absent = true;
  Link(Links("A"));
  ASSERT_THAT(Run().status, IsOk());
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent"));
  const StagingMetadata& linked = lakefs_.linked[0];
  EXPECT_EQ(linked.checksum, "c");
  EXPECT_EQ(linked.size_bytes, 5);
  EXPECT_EQ(linked.content_type, "text/x");
  EXPECT_EQ(linked.user_metadata, request_.user_metadata);
  EXPECT_EQ(linked.mtime, request_.mtime);
  EXPECT_TRUE(linked.force);
}

TEST_F(LinkLoopTest, AConflictWithALocationMovesThereAtOnce) {
  const StagingLocation there{.physical_address = "T", .token = "new"};
  Link(Conflict(there));
  Link(Links("T"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rounds, 2);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "put at T", "link T"));
  EXPECT_EQ(lakefs_.linked[1].staging, there);
  EXPECT_EQ(clock_.Elapsed(), Duration::zero());
}

TEST_F(LinkLoopTest, AConflictWithoutALocationBacksOffAndTakesANewAddress) {
  Link(Conflict());
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "put anew", "link B"));
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(LinkLoopTest, MoreRoundsThanAllowedAreAborted) {
  for (int i = 0; i < 9; ++i) {
    Link(Conflict(StagingLocation{.physical_address = "T"}));
  }
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.rounds, 8);
  EXPECT_EQ(report.try_here->physical_address, "T");
  EXPECT_EQ(lakefs_.linked.size(), 8U);
}

TEST_F(LinkLoopTest, AConflictWithoutBytesHandsTheLocationOn) {
  can_place_ = false;
  Link(Conflict(StagingLocation{.physical_address = "T"}));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.try_here->physical_address, "T");
}

TEST_F(LinkLoopTest, A412OverOurOwnEntryIsProvenByALinkWithoutTheCondition) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link A"));
}

TEST_F(LinkLoopTest, A412OverNothingIsLinkedAgainWithTheCondition) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-absent", "stat", "link A if-absent"));
}

TEST_F(LinkLoopTest, A412OverAnothersObjectIsAlreadyExists) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(report.status, HasReason(Reason::kObjectExists));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(report.object->physical_address, "X");
}

TEST_F(LinkLoopTest, A412WhoseStatFailsIsUnknown) {
  request_.if_absent = true;
  Link(Precondition());
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnknown));
  EXPECT_THAT(report.status, HasReason(Reason::kOutcomeUnknown));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_F(LinkLoopTest, ALostProofOfAFalse412IsNoRefusal) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Lost());
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, A412OverNothingOnABurntAddressIsANewRound) {
  request_.if_absent = true;
  relinkable_ = false;
  Link(Precondition());
  Stat(std::nullopt);
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "put anew",
                                         "link B if-absent"));
}

class LostAnswerTest : public LinkLoopTest,
                       public ::testing::WithParamInterface<Reason> {};
INSTANTIATE_TEST_SUITE_P(
    Reasons, LostAnswerTest,
    ::testing::Values(Reason::kUpstreamConnectionLost,
                      Reason::kUpstreamUnavailable, Reason::kUpstreamInternal,
                      Reason::kUpstreamThrottled, Reason::kBranchLocked),
    [](const auto& info) { return std::string(ReasonName(info.param)); });

TEST_P(LostAnswerTest, IsProvenByAnotherLinkWhenAddressIsOurs) {
  Link(Fails(GetParam()));
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A"));
}

TEST_P(LostAnswerTest, IsLinkedAgainAfterBackoffWhenThePathIsAsBefore) {
  before_.object = StatsAt("OLD");
  Link(Fails(GetParam()));
  Stat(StatsAt("OLD"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A"));
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_P(LostAnswerTest, IsSupersededWhenAnothersObjectCameAfter) {
  before_.object = StatsAt("OLD");
  Link(Fails(GetParam()));
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, IsOk());
  EXPECT_EQ(report.outcome, Outcome::kSuperseded);
  EXPECT_EQ(report.object->physical_address, "A");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat"));
}

TEST_P(LostAnswerTest, IsAlreadyExistsWhenAnothersObjectStandsThereIfAbsent) {
  request_.if_absent = true;
  Link(Fails(GetParam()));
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  // Ours may have stood there before, or may come when the other goes.
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_EQ(AdviceFor(report), Advice::kFixRequest);
  EXPECT_EQ(report.object->physical_address, "X");
  lakefs_.calls.clear();

  ASSERT_TRUE(report.undecided);
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Resume(*report.undecided).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A if-absent"));
}

TEST_P(LostAnswerTest, IsNotForgottenWhenALaterLinkIsRefused) {
  request_.if_absent = true;
  Link(Fails(GetParam()));
  Stat(std::nullopt);
  Link(Precondition());
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_P(LostAnswerTest, IfAbsentOverOursIsProvenWithoutTheCondition) {
  request_.if_absent = true;
  Link(Fails(GetParam()));
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link A"));
}

TEST_P(LostAnswerTest, OnABurntAddressOursIsBelieved) {
  relinkable_ = false;
  Link(Fails(GetParam()));
  Stat(StatsAt("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat"));
}

TEST_P(LostAnswerTest, TakesANewAddressOnlyWhenTheFirstIsUsedUp) {
  relinkable_ = false;
  Link(Fails(GetParam()));
  Stat(std::nullopt);
  Link(Unusable());
  Stat(std::nullopt);
  Stat(std::nullopt);
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A", "stat",
                                         "stat", "put anew", "link B"));
}

TEST_P(LostAnswerTest, ThatComesLateUsesTheAddressUpBeforeItIsSeen) {
  relinkable_ = false;
  Link(Fails(GetParam()));
  Stat(std::nullopt);
  Link(Unusable());
  Stat(std::nullopt);
  Stat(StatsAt("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "stat", "link A", "stat", "stat"));
}

TEST_P(LostAnswerTest, ThenRefusedIsUnknownSinceTheFirstMayStillLand) {
  Link(Fails(GetParam()));
  Stat(std::nullopt);
  Link(Fails(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnknown));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_F(LinkLoopTest, AStatThatFailsIsAskedAgain) {
  Link(Lost());
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kUnavailable, "down",
                                    Reason::kUpstreamUnavailable));
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "stat", "link A"));
}

TEST_F(LinkLoopTest, RetryAfterIsTheLeastWait) {
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kUnavailable, "busy",
                          ErrorDetails{.reason = Reason::kUpstreamUnavailable,
                                       .retry_after = milliseconds(7'000)})});
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_GE(clock_.Elapsed(), seconds(7));
}

TEST_F(LinkLoopTest, AnUnusableAddressIsReplaced) {
  Link(Unusable());
  Stat(std::nullopt);
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "stat", "put anew", "link B"));
}

TEST_F(LinkLoopTest, AnUnusableAddressOverAnothersObjectIsReplacedToo) {
  Link(Unusable());
  Stat(StatsAt("X"));
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, AnUnusableAddressAfterALostAnswerCanBeOurOwnSuccess) {
  Link(Lost());
  Stat(std::nullopt);
  Link(Unusable());
  Stat(StatsAt("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A", "stat"));
}

TEST_F(LinkLoopTest, AnUnusableAddressWithoutBytesIsFailedPrecondition) {
  can_place_ = false;
  Link(Unusable());
  Stat(std::nullopt);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(report.status, HasReason(Reason::kLinkAddressExpired));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(LinkLoopTest, ARejectedAddressOnAMissingBranchIsNotFound) {
  Link(Fails(Reason::kUpstreamRejected, absl::StatusCode::kInvalidArgument));
  lakefs_.branch =
      MakeError(absl::StatusCode::kNotFound, "no branch", Reason::kNotFound);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(LinkLoopTest, ARejectedAddressOnAPresentBranchStaysRejected) {
  Link(Fails(Reason::kUpstreamRejected, absl::StatusCode::kInvalidArgument));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kUpstreamRejected));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(LinkLoopTest, WhatNeverLeftIsLinkedAgainWithoutAStat) {
  Link(Fails(Reason::kUpstreamUnreachable));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "link A"));
}

class RefusedTest : public LinkLoopTest,
                    public ::testing::WithParamInterface<Reason> {};
INSTANTIATE_TEST_SUITE_P(
    Reasons, RefusedTest,
    ::testing::Values(Reason::kCredentialsRejected, Reason::kPermissionDenied,
                      Reason::kNotFound, Reason::kRepositoryInDeletion,
                      Reason::kUpstreamUnimplemented),
    [](const auto& info) { return std::string(ReasonName(info.param)); });

TEST_P(RefusedTest, IsGivenUpAtOnce) {
  Link(Fails(GetParam(), absl::StatusCode::kFailedPrecondition));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(GetParam()));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A"));
}

TEST_F(LinkLoopTest, ADeadlineWithNothingInFlightIsNotCommitted) {
  for (int i = 0; i < 40; ++i) Link(Fails(Reason::kUpstreamUnreachable));
  const LinkReport report = Run(seconds(3));
  EXPECT_FALSE(report.status.ok());
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_LE(clock_.Elapsed(), seconds(3));
}

TEST_F(LinkLoopTest, ADeadlineInALinkIsFoundOutBeyondIt) {
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "link A" && lakefs_.calls.empty()) clock_.Advance(seconds(10));
  };
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kDeadlineExceeded, "over",
                          Reason::kUpstreamConnectionLost)});
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run(seconds(10)).outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, ACancelledLinkThatCannotBeSeenIsUnknownAndNotRepeated) {
  CallContext context(clock_, clock_.Now() + seconds(60), "test");
  lakefs_.on_call = [&](const std::string& line) {
    if (line == "link A") context.Cancel();
  };
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kCancelled, "cancelled",
                          Reason::kUpstreamConnectionLost)});
  for (int i = 0; i < 100; ++i) Stat(std::nullopt);
  const LinkReport report = RunIn(context);
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_EQ(AdviceFor(report), Advice::kRetryCall);
  // It is looked for again, for some seconds.
  EXPECT_GT(lakefs_.calls.size(), 3U);
  EXPECT_LT(lakefs_.calls.size(), 100U);
  EXPECT_EQ(lakefs_.calls.front(), "link A");
  lakefs_.calls.erase(lakefs_.calls.begin());
  EXPECT_THAT(lakefs_.calls, Each("stat"));
}

TEST_F(LinkLoopTest, AConflictOverWhatStandsAlreadyPutsNoSecondObject) {
  Link(Lost());
  Stat(StatsAt("A"));
  Link(Conflict(StagingLocation{.physical_address = "B"}));
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "stat", "link A", "stat", "link A"));
}

TEST_F(LinkLoopTest, WhatAnEarlierCallOfTheSameRequestLinkedIsOurs) {
  request_.if_absent = true;
  request_.user_metadata[kRequestIdKey] = "r";
  ObjectStats earlier = StatsAt("E");
  earlier.user_metadata[kRequestIdKey] = "r";
  Link(Precondition());
  Stat(earlier);
  Link(Links("E"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "E");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link E"));

  earlier.user_metadata[kRequestIdKey] = "another";
  Link(Precondition());
  Stat(earlier);
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kAlreadyExists));
}

// As servers with a local store show what was linked.
TEST_F(LinkLoopTest, WhatIsShownWithTheRootTwiceIsLinkedByItsAddress) {
  address_ = "local:///lake/lake/data/x";
  Link(Lost());
  Stat(StatsAt("local:///lake/lake/lake/data/x"));
  Link(Links(address_));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link " + address_, "stat", "link " + address_));
}

// What is shown may be no address to link by.
TEST_F(LinkLoopTest, AnEarlierObjectOnALocalStoreIsBelievedWhenSeen) {
  request_.if_absent = true;
  request_.user_metadata[kRequestIdKey] = "r";
  ObjectStats earlier = StatsAt("local:///lake/lake/lake/data/e");
  earlier.user_metadata[kRequestIdKey] = "r";
  Link(Precondition());
  Stat(earlier);
  lakefs_.committed.push_back(earlier);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "stat@"));
  ServerConfig server;
  const std::string is_signed = "," + std::string(43, 's');
  for (const auto& [address, relinkable] :
       {std::pair("s3://b/x", true), std::pair("local:///lake/x", false)}) {
    EXPECT_EQ(UndecidedOf({}, StatsAt(address + is_signed), server)
                  .placement.relinkable,
              relinkable);
  }
}

// To link it with our size would cut it off.
TEST_F(LinkLoopTest, AnotherObjectOfTheSameRequestIdIsNotLinkedAgain) {
  request_.if_absent = true;
  request_.user_metadata[kRequestIdKey] = "id";
  ObjectStats other = StatsAt("E");
  other.user_metadata = request_.user_metadata;
  other.size_bytes = 6;
  Link(Precondition());
  Stat(other);
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
}

TEST_F(LinkLoopTest, AllAddressesOfACallAreItsOwn) {
  Link(Conflict());
  Link(Lost());
  Stat(StatsAt("A"));
  Link(Links("A"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "A");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "put anew", "link B", "stat", "link A"));
}

TEST_F(LinkLoopTest, ALittleOfTheDeadlineIsKeptForFindingOut) {
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "link A") clock_.Advance(milliseconds(9'500));
  };
  Link(Lost());
  for (int i = 0; i < 100; ++i) Stat(std::nullopt);
  EXPECT_EQ(Run(seconds(10)).outcome, Outcome::kUnknown);
  EXPECT_EQ(lakefs_.linked.size(), 1U) << "no link is begun in the last second";
}

TEST_F(LinkLoopTest, AThrottledLinkLowersTheNumberOfLinksAtATime) {
  const int before = gate_.limit();
  Link(Fails(Reason::kUpstreamThrottled, absl::StatusCode::kResourceExhausted));
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_LT(gate_.limit(), before);
}

TEST_F(LinkLoopTest, AConditionThatFailsForEverOverNothingIsAConflict) {
  request_.if_absent = true;
  for (int i = 0; i < 100; ++i) {
    Link(Precondition());
    Stat(std::nullopt);
  }
  const LinkReport report = Run(seconds(1'000));
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_LE(lakefs_.linked.size(), 32U);
  EXPECT_GT(clock_.Elapsed(), seconds(1)) << "they were sent back to back";
}

TEST_F(LinkLoopTest, ABurntAddressIsLookedForASecondTimeASecondLater) {
  relinkable_ = false;
  Link(Lost());
  Stat(std::nullopt);
  Link(Unusable());
  Stat(std::nullopt);
  Duration first{};
  lakefs_.on_call = [&, stats = 0](const std::string& line) mutable {
    if (line != "stat") return;
    if (++stats == 2) first = clock_.Elapsed();
    if (stats == 3) {
      EXPECT_GE(clock_.Elapsed() - first, seconds(1));
    }
  };
  Stat(StatsAt("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(LinkLoopTest, AnUnusableAddressAfterALostAnswerAndAnothersObject) {
  for (const bool if_absent : {false, true}) {
    request_.if_absent = if_absent;
    Link(Lost());
    Stat(std::nullopt);
    Link(Unusable());
    Stat(StatsAt("X"));
    // Ours was linked, and replaced; or theirs came first.
    EXPECT_EQ(Run().outcome,
              if_absent ? Outcome::kUnknown : Outcome::kSuperseded);
  }
}

TEST_F(LinkLoopTest, AProofThatWasLostMayYetReplaceAnothersObject) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Lost());
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_F(LinkLoopTest, WhatWasNotFoundOutCanBeResumed) {
  CallContext context(clock_, clock_.Now() + seconds(60), "test");
  lakefs_.on_call = [&](const std::string& line) {
    if (line == "link A") context.Cancel();
  };
  Link(Lost());
  lakefs_.stats.push_back(absl::InternalError("no stat"));
  const LinkReport lost = RunIn(context);
  ASSERT_EQ(lost.outcome, Outcome::kUnknown);
  ASSERT_TRUE(lost.undecided);

  lakefs_.on_call = nullptr;
  lakefs_.calls.clear();
  Stat(std::nullopt);
  Link(Links("A"));
  const LinkReport report = Resume(*lost.undecided);
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A"));
}

TEST_F(LinkLoopTest, WhoFindsOutLinksOnlyWhatItSees) {
  const UndecidedLink link{
      .request = request_,
      .before = before_,
      .placement = {.location = {.physical_address = "A"}},
      .ours = {{"A", {.location = {.physical_address = "A"}}}},
      .lost = true};
  LinkLoop loop(lakefs_, budget_, gate_);
  const CallContext context(clock_, clock_.Now() + seconds(10), "test");
  Stat(std::nullopt);
  Stat(std::nullopt);
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(loop.FindOut(context, link, random_).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "stat", "stat", "link A"));

  lakefs_.calls.clear();
  Stat(StatsAt("X"));
  EXPECT_EQ(loop.FindOut(context, link, random_).outcome, Outcome::kSuperseded);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(LinkLoopTest, AnAddressIsNotLinkedPastItsLife) {
  link_before_ = clock_.Now() + seconds(40);
  clock_.Advance(seconds(11));  // 30 s before its end
  Stat(std::nullopt);
  Link(Links("B"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "put anew", "link B"));
}

TEST_F(LinkLoopTest, AnAddressPastItsLifeWhoseBytesAreGoneIsCalledExpired) {
  link_before_ = clock_.Now();
  place_error_ =
      MakeError(absl::StatusCode::kAborted, "gone", Reason::kLinkConflict);
  Stat(std::nullopt);
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(report.status, HasReason(Reason::kLinkAddressExpired));
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "put anew"));
}

TEST_F(LinkLoopTest, FindingOutIsBoundedInTime) {
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "link A") clock_.Advance(seconds(10));
  };
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kDeadlineExceeded, "over",
                          Reason::kUpstreamConnectionLost)});
  for (int i = 0; i < 200; ++i) {
    lakefs_.stats.push_back(MakeError(absl::StatusCode::kUnavailable, "down",
                                      Reason::kUpstreamUnavailable));
  }
  const LinkReport report = Run(seconds(10));
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_LE(clock_.Elapsed(), seconds(16));
}

TEST_F(LinkLoopTest, BytesThatCannotBeHadAgainEndIt) {
  place_error_ =
      MakeError(absl::StatusCode::kAborted, "gone", Reason::kLinkConflict);
  Link(Conflict(StagingLocation{.physical_address = "T"}));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(LinkLoopTest, AConflictAfterALostLinkIsFirstLinkedAgain) {
  for (const bool located : {false, true}) {
    lakefs_.calls.clear();
    Link(Lost());
    Stat(std::nullopt);
    Link(located ? Conflict(StagingLocation{.physical_address = "T"})
                 : Conflict());
    Stat(std::nullopt);
    Link(Links("A"));
    std::vector<TimePoint> linked_at;
    lakefs_.on_call = [&](const std::string& line) {
      if (line == "link A") linked_at.push_back(clock_.Now());
    };
    EXPECT_EQ(Run().outcome, Outcome::kCommitted);
    EXPECT_THAT(lakefs_.calls,
                ElementsAre("link A", "stat", "link A", "stat", "link A"));
    EXPECT_GT(linked_at[2], linked_at[1]);
  }
}

TEST_F(LinkLoopTest, ASecondConflictAfterALostLinkIsBelieved) {
  Link(Lost());
  Stat(std::nullopt);
  for (int i = 0; i < 2; ++i) {
    Link(Conflict(StagingLocation{.physical_address = "T"}));
    Stat(std::nullopt);
  }
  Link(Links("T"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "stat", "link A", "stat", "link A", "stat",
                          "put at T", "link T"));
}

TEST_F(LinkLoopTest, AConflictAfterAnotherLossIsLinkedAgainFirst) {
  for (int i = 0; i < 2; ++i) {
    Link(Lost());
    Stat(std::nullopt);
    Link(Conflict(StagingLocation{.physical_address = "T"}));
    Stat(std::nullopt);
  }
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.linked.size(), 5U);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put at T")));
}

TEST_F(LinkLoopTest, AConflictAtTheNextAddressAfterAnEarlierLoss) {
  Link(Lost());
  Stat(std::nullopt);
  for (int i = 0; i < 2; ++i) {
    Link(Conflict(StagingLocation{.physical_address = "T"}));
    Stat(std::nullopt);
  }
  Link(Conflict(StagingLocation{.physical_address = "U"}));
  Stat(std::nullopt);
  Link(Links("U"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "U");
  EXPECT_EQ(report.rounds, 3);
}

TEST_F(LinkLoopTest, AConflictAfterALostLinkAndAnothersObject) {
  for (const bool if_absent : {false, true}) {
    request_.if_absent = if_absent;
    Link(Lost());
    Stat(std::nullopt);
    Link(Conflict(StagingLocation{.physical_address = "T"}));
    Stat(StatsAt("X"));
    EXPECT_EQ(Run().outcome,
              if_absent ? Outcome::kUnknown : Outcome::kSuperseded);
  }
}

TEST_F(LinkLoopTest, AConflictOverWhatStandsAlreadyIsProvenAfterBackoff) {
  Link(Lost());
  Stat(StatsAt("A"));
  Link(Conflict());
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(LinkLoopTest, ConflictsOverWhatStandsThereNeverPutASecondObject) {
  Link(Lost());
  Stat(StatsAt("A"));
  for (int i = 0; i < 3; ++i) {
    Link(Conflict(StagingLocation{.physical_address = "T"}));
    Stat(StatsAt("A"));
  }
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put at T")));
}

TEST_F(LinkLoopTest, AConflictOfTheProofOfAFalse412PutsNoSecondObject) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Conflict(StagingLocation{.physical_address = "T"}));
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link A",
                                         "stat", "link A"));
}

TEST_F(LinkLoopTest, WhoFindsOutLinksNothingAfterAConflict) {
  const UndecidedLink link{
      .request = request_,
      .before = before_,
      .placement = {.location = {.physical_address = "A"}},
      .ours = {{"A", {.location = {.physical_address = "A"}}}},
      .lost = true};
  LinkLoop loop(lakefs_, budget_, gate_);
  const CallContext context(clock_, clock_.Now() + seconds(10), "test");
  Stat(StatsAt("A"));
  Link(Conflict(StagingLocation{.physical_address = "T"}));
  Stat(std::nullopt);
  EXPECT_EQ(loop.FindOut(context, link, random_).outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A", "stat"));
}

TEST_F(LinkLoopTest, WhoFindsOutLinksNothingAfterAFalse412) {
  request_.if_absent = true;
  const UndecidedLink link{
      .request = request_,
      .before = before_,
      .placement = {.location = {.physical_address = "A"}},
      .ours = {{"A", {.location = {.physical_address = "A"}}}},
      .lost = true};
  LinkLoop loop(lakefs_, budget_, gate_);
  const CallContext context(clock_, clock_.Now() + seconds(10), "test");
  Stat(StatsAt("A"));
  Link(Precondition());
  Stat(std::nullopt);
  EXPECT_EQ(loop.FindOut(context, link, random_).outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A", "stat"));
}

TEST_F(LinkLoopTest, A412OverWhatWasThereBeforeIsAlreadyExists) {
  request_.if_absent = true;
  before_.object = StatsAt("OLD");
  Link(Precondition());
  Stat(StatsAt("OLD"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
}

TEST_F(LinkLoopTest, AProofThatIsRefusedLeavesItUnknown) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Fails(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_TRUE(report.undecided);
}

TEST_F(LinkLoopTest, WhatCannotBeFoundOutInTimeOfTheCallIsNotLookedForTwice) {
  request_.if_absent = true;
  Link(Precondition());
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
}

// As in LinkPhysicalAddress: what stood there is not known.
TEST_F(LinkLoopTest, WithoutKnowledgeOfWhatWasThereAnObjectCountsAsOlder) {
  before_ = {};
  Link(Lost());
  Stat(StatsAt("X"));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat", "link A"));
}

TEST_F(LinkLoopTest, WithoutKnowledgeOfWhatWasThereACreateDoesNotOverwriteIt) {
  before_ = {};
  request_.if_absent = true;
  Link(Lost());
  Stat(StatsAt("X"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat"));
}

TEST_F(LinkLoopTest, ALostCreateIsLinkedAgainUnderTheCondition) {
  request_.if_absent = true;
  Link(Lost());
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-absent", "stat", "link A if-absent"));
}

TEST_F(LinkLoopTest, ALostProofIsLinkedAgainUnderTheCondition) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Lost());
  Stat(std::nullopt);
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link A",
                                         "stat", "link A if-absent"));
}

TEST_F(LinkLoopTest, ANewRoundAfterAProofIsUnderTheConditionAgain) {
  request_.if_absent = true;
  Link(Precondition());
  Stat(StatsAt("A"));
  Link(Conflict());
  Stat(std::nullopt);
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-absent", "stat", "link A", "stat",
                          "put anew", "link B if-absent"));
}

TEST_F(LinkLoopTest, AnUnusableAddressThatCannotBeLookedForIsUnknown) {
  Link(Lost());
  Stat(std::nullopt);
  Link(Unusable());
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put anew")));
}

TEST_F(LinkLoopTest, AnUnusableAddressWithoutALossIsReplacedAtOnce) {
  relinkable_ = false;
  Link(Unusable());
  Stat(std::nullopt);
  Link(Links("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A", "stat", "put anew", "link B"));
  EXPECT_EQ(clock_.Elapsed(), Duration::zero());
}

TEST_F(LinkLoopTest, ABranchThatCannotBeAskedForIsNotBlamed) {
  Link(Fails(Reason::kUpstreamRejected, absl::StatusCode::kInvalidArgument));
  lakefs_.branch = MakeError(absl::StatusCode::kUnavailable, "busy",
                             Reason::kUpstreamUnavailable);
  EXPECT_THAT(Run().status, HasReason(Reason::kUpstreamRejected));
}

TEST_F(LinkLoopTest, WhatNeverLeftIsLinkedAgainAfterBackoff) {
  Link(Fails(Reason::kUpstreamUnreachable));
  Link(Links("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(LinkLoopTest, AStoresRefusalOfALinkIsTold) {
  Link(Fails(Reason::kStoreRejected, absl::StatusCode::kInternal));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kStoreRejected));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A"));
}

TEST_F(LinkLoopTest, OnlyWhatCarriesItsMarkAndAllItAskedForIsAnEarlierCalls) {
  request_.if_absent = true;
  request_.content_type = "text/x";
  request_.user_metadata = {{kRequestIdKey, "r"}, {"k", "v"}};
  ObjectStats same = StatsAt("E");
  same.content_type = "text/x";
  same.user_metadata = request_.user_metadata;
  using Change = void (*)(ObjectStats&);
  const Change changes[] = {
      [](ObjectStats& s) { s.size_bytes = 6; },
      [](ObjectStats& s) { s.content_type = "text/y"; },
      [](ObjectStats& s) { s.user_metadata["k"] = "w"; },
      [](ObjectStats& s) { s.user_metadata[kRequestIdKey] = "another"; },
      [](ObjectStats& s) { s.user_metadata.erase(kRequestIdKey); }};
  for (const Change change : changes) {
    ObjectStats other = same;
    change(other);
    Link(Precondition());
    Stat(other);
    EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kAlreadyExists));
  }
  Link(Precondition());
  Stat(same);
  Link(Links("E"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.linked.back().checksum, "c");

  // Without an id, nothing tells them apart.
  request_.user_metadata = same.user_metadata = {{"k", "v"}};
  Link(Precondition());
  Stat(same);
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kAlreadyExists));
}

// Releases that cannot presign refuse a link without the field.
TEST_F(LinkLoopTest, WhatAStatHasShownIsLinkedWithATokenWhereOneIsWanted) {
  const auto token = [](const ServerConfig& server) {
    return UndecidedOf({}, StatsAt("E"), server).placement.location.token;
  };
  EXPECT_TRUE(token({.version = "0.66.0"}));
  EXPECT_FALSE(token({.version = "1.84.0", .pre_sign_support = false}));

  request_.user_metadata[kRequestIdKey] = "r";
  token_ = "t";
  ObjectStats earlier = StatsAt("E");
  earlier.user_metadata = request_.user_metadata;
  Link(Lost());
  Stat(earlier);
  Link(Links("E"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.linked[1].staging.physical_address, "E");
  EXPECT_EQ(lakefs_.linked[1].staging.token, "t");
}

TEST_F(LinkLoopTest, TheRoundsOfACallThatIsResumedGoOn) {
  LinkLoop loop(lakefs_, budget_, gate_);
  const UndecidedLink link{
      .request = request_,
      .before = before_,
      .placement = {.location = {.physical_address = "A"}, .checksum = "c"},
      .ours = {{"A", {.location = {.physical_address = "A"}}}},
      .rounds = 8,
      .lost = true};
  const Place place =
      [this](
          const std::optional<StagingLocation>&) -> absl::StatusOr<Placement> {
    lakefs_.calls.push_back("put");
    return Placement{.location = {.physical_address = "B"}};
  };
  Stat(std::nullopt);
  Link(Unusable());
  Stat(std::nullopt);
  const LinkReport report =
      loop.Resume(CallContext(clock_, clock_.Now() + seconds(60), "test"), link,
                  place, random_);
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A", "stat"));
}

TEST_F(LinkLoopTest, AllAddressesOfACallThatIsResumedAreItsOwn) {
  LinkLoop loop(lakefs_, budget_, gate_);
  const UndecidedLink link{
      .request = request_,
      .before = before_,
      .placement = {.location = {.physical_address = "B"}},
      .ours = {{"A", {.location = {.physical_address = "A"}, .checksum = "a"}},
               {"B", {.location = {.physical_address = "B"}}}},
      .lost = true};
  Stat(StatsAt("A"));
  Link(Links("A"));
  EXPECT_EQ(loop.Resume(CallContext(clock_, clock_.Now() + seconds(60), "test"),
                        link, nullptr, random_)
                .outcome,
            Outcome::kCommitted);
  EXPECT_EQ(lakefs_.linked[0].staging.physical_address, "A");
  EXPECT_EQ(lakefs_.linked[0].checksum, "a");
}

TEST_F(LinkLoopTest, AServerThatAlwaysLosesItsAnswersIsNotAskedForEver) {
  for (int i = 0; i < 500; ++i) {
    Link(Lost());
    Stat(std::nullopt);
  }
  const LinkReport report = Run(seconds(100'000));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_LE(lakefs_.linked.size(), 32U);
}

}  // namespace
}  // namespace lakefs::gateway::testing
