// The rows of the table in link_loop.h for if_match. Ours is A, of the checksum
// "a", and is to replace "x".
#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

// An object whose upload was to replace `replaces`, if that is not empty.
ObjectStats At(const std::string& address, const std::string& checksum,
               const std::string& replaces = "") {
  ObjectStats stats{.path = "p",
                    .physical_address = address,
                    .checksum = checksum,
                    .size_bytes = 5,
                    .mtime = 1};
  if (!replaces.empty()) stats.user_metadata[kReplacesKey] = replaces;
  return stats;
}
const ObjectStats kOurs = At("A", "a", "x");
const ObjectStats kExpected = At("X", "x", "w");
const ObjectStats kBuiltUponOurs = At("C", "c", "a");
const ObjectStats kInOurPlace = At("D", "d", "x");
const ObjectStats kUnmarked = At("U", "u");
const ObjectStats kOfAnotherLine = At("V", "v", "q");

class IfMatchTest : public ::testing::Test {
 protected:
  LinkReport Run() {
    return loop_.Run(Call(), request_, {.known = true},
                     {.location = {.physical_address = "A"},
                      .checksum = checksum_,
                      .relinkable = relinkable_},
                     place_, random_);
  }
  LinkReport Resume(const LinkReport& report) {
    EXPECT_TRUE(report.undecided);
    if (!report.undecided) return {};
    lakefs_.calls.clear();
    return loop_.Resume(Call(), *report.undecided, place_, random_);
  }
  LinkReport FindOut(const LinkReport& report) {
    EXPECT_TRUE(report.undecided);
    if (!report.undecided) return {};
    lakefs_.calls.clear();
    return loop_.FindOut(Call(), *report.undecided, random_);
  }
  CallContext Call() { return {clock_, clock_.Now() + seconds(60), "test"}; }

  void Fails(Reason reason, absl::StatusCode code) {
    lakefs_.links.push_back({.stats = MakeError(code, "scripted", reason)});
  }
  void Refuses() {
    Fails(Reason::kObjectExists, absl::StatusCode::kAlreadyExists);
  }
  void Loses() {
    Fails(Reason::kUpstreamConnectionLost, absl::StatusCode::kUnavailable);
  }
  void Conflicts() { Fails(Reason::kLinkConflict, absl::StatusCode::kAborted); }
  void Links() { lakefs_.links.push_back({.stats = kOurs}); }
  void Shows(const std::optional<ObjectStats>& stats) {
    lakefs_.stats.push_back(stats);
  }
  void Committed(const std::optional<ObjectStats>& stats) {
    lakefs_.committed.push_back(stats);
  }

  static void ExpectChanged(const LinkReport& report, Outcome outcome) {
    EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(report.status, HasReason(Reason::kObjectChanged));
    EXPECT_EQ(report.outcome, outcome);
    EXPECT_EQ(report.undecided != nullptr, outcome == Outcome::kUnknown);
    EXPECT_EQ(AdviceFor(report), Advice::kFixRequest);
  }
  static void ExpectSuperseded(const LinkReport& report) {
    EXPECT_THAT(report.status, IsOk());
    EXPECT_EQ(report.outcome, Outcome::kSuperseded);
    ASSERT_TRUE(report.object);
    EXPECT_EQ(report.object->physical_address, "A");
    EXPECT_EQ(report.object->checksum, "a");
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  LinkGate gate_;
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  LinkLoop loop_{lakefs_, budget_, gate_};
  LinkRequest request_{.object = {"repo", "main", "p"},
                       .size_bytes = 5,
                       .user_metadata = {{kReplacesKey, "x"}},
                       .if_match = "x"};
  std::string checksum_ = "a";
  bool relinkable_ = true;
  Place place_ =
      [this](
          const std::optional<StagingLocation>&) -> absl::StatusOr<Placement> {
    lakefs_.calls.push_back("put anew");
    return Placement{.location = {.physical_address = "B"},
                     .checksum = "a",
                     .relinkable = relinkable_};
  };
};

TEST_F(IfMatchTest, A200UnderTheConditionIsCommitted) {
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x"));
}

TEST_F(IfMatchTest, A412OverOursIsProvenByALinkOverNothingButOurs) {
  Refuses();
  Shows(kOurs);
  Links();
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rescue, "false_precondition");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-match x", "stat", "link A if-match a"));
}

// lakeFS strips quotes and blanks of what is linked.
TEST_F(IfMatchTest, TheProofIsUnderTheChecksumThatLakefsShows) {
  checksum_ = "\"a\"";
  Refuses();
  Shows(kOurs);
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.calls.back(), "link A if-match a");
  EXPECT_EQ(lakefs_.linked.back().checksum, "\"a\"");
}

TEST_F(IfMatchTest, WhatIsDroppedBeforeItsProofIsLinkedAgain) {
  Refuses();
  Shows(kOurs);
  Refuses();
  Shows(kExpected);
  Links();
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rescue, "lost_write");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-match x", "stat", "link A if-match a",
                          "stat", "link A if-match x"));
}

TEST_F(IfMatchTest, A412OverWhatIsExpectedIsLinkedAgainUnderTheCondition) {
  Refuses();
  Shows(kExpected);
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-match x", "stat", "link A if-match x"));
}

TEST_F(IfMatchTest, A412OverWhatWasBuiltUponOursIsSuperseded) {
  Refuses();
  Shows(kBuiltUponOurs);
  ExpectSuperseded(Run());
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x", "stat"));
}

TEST_F(IfMatchTest, WhatWasBuiltUponOursBeforeItsProofIsSuperseded) {
  Refuses();
  Shows(kOurs);
  Refuses();
  Shows(kBuiltUponOurs);
  ExpectSuperseded(Run());
}

TEST_F(IfMatchTest, A412OverWhatReplacedTheExpectedIsNotCommitted) {
  Refuses();
  Shows(kInOurPlace);
  const LinkReport report = Run();
  ExpectChanged(report, Outcome::kNotCommitted);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->checksum, "d");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x", "stat"));
}

// It was dropped, else that which it replaced would not have been replaced.
TEST_F(IfMatchTest, OursThatWasSeenAndAnotherInItsPlaceIsNotCommitted) {
  Refuses();
  Shows(kOurs);
  Refuses();
  Shows(kInOurPlace);
  ExpectChanged(Run(), Outcome::kNotCommitted);
}

TEST_F(IfMatchTest, A412OverNothingIsNotCommittedUnlessOursWasSeen) {
  Refuses();
  Shows(std::nullopt);
  const LinkReport report = Run();
  ExpectChanged(report, Outcome::kNotCommitted);
  EXPECT_FALSE(report.object);

  Refuses();
  Shows(kOurs);
  Refuses();
  Shows(std::nullopt);
  ExpectChanged(Run(), Outcome::kUnknown);
}

TEST_F(IfMatchTest, A412OverAnyOtherIsUnknown) {
  for (const ObjectStats& other : {kUnmarked, kOfAnotherLine}) {
    Refuses();
    Shows(other);
    const LinkReport report = Run();
    ExpectChanged(report, Outcome::kUnknown);
    EXPECT_EQ(report.object->checksum, other.checksum);
  }
}

TEST_F(IfMatchTest, ALostLinkOfOursIsProvenByALinkOverNothingButOurs) {
  Loses();
  Shows(kOurs);
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.calls.back(), "link A if-match a");
}

TEST_F(IfMatchTest, ALostLinkOverWhatIsExpectedIsLinkedAgainAfterBackoff) {
  Loses();
  Shows(kExpected);
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-match x", "stat", "link A if-match x"));
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(IfMatchTest, ALostLinkThatWasBuiltUponIsSuperseded) {
  Loses();
  Shows(kBuiltUponOurs);
  ExpectSuperseded(Run());
}

TEST_F(IfMatchTest, ALostLinkUnderAnyOtherIsUnknown) {
  for (const std::optional<ObjectStats>& other :
       {std::optional(kInOurPlace), std::optional(kUnmarked),
        std::optional(kOfAnotherLine), std::optional<ObjectStats>()}) {
    Loses();
    Shows(other);
    ExpectChanged(Run(), Outcome::kUnknown);
  }
}

// The lost one may come when that goes which stands in its place.
TEST_F(IfMatchTest, A412AfterALostLinkIsNoRefusalOfThat) {
  Loses();
  Shows(kExpected);
  Refuses();
  Shows(kInOurPlace);
  ExpectChanged(Run(), Outcome::kUnknown);
}

TEST_F(IfMatchTest, ALostProofThatWasBuiltUponIsSuperseded) {
  Refuses();
  Shows(kOurs);
  Loses();
  Shows(kBuiltUponOurs);
  ExpectSuperseded(Run());
}

TEST_F(IfMatchTest, A409AfterALostLinkUnderAnotherIsUnknown) {
  Loses();
  Shows(kExpected);
  Conflicts();
  Shows(kUnmarked);
  ExpectChanged(Run(), Outcome::kUnknown);
}

TEST_F(IfMatchTest, ANewAddressIsLinkedUnderTheConditionAndOldMarksCount) {
  Conflicts();
  Refuses();
  Shows(kBuiltUponOurs);
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kSuperseded);
  EXPECT_EQ(report.rounds, 2);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x", "put anew",
                                         "link B if-match x", "stat"));
}

TEST_F(IfMatchTest, A501IsUnimplementedAndNothingIsLinked) {
  Fails(Reason::kUpstreamUnimplemented, absl::StatusCode::kUnimplemented);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(std::string(report.status.message()),
              ::testing::HasSubstr("if_match"));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(AdviceFor(report), Advice::kGiveUp);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x"));
}

// Then the mark of what came after ours is that of what came instead of it.
TEST_F(IfMatchTest, WhereOursHasTheChecksumThatItReplacesAMarkTellsNothing) {
  checksum_ = "x";
  Refuses();
  Shows(kInOurPlace);
  ExpectChanged(Run(), Outcome::kUnknown);
}

TEST_F(IfMatchTest, OursIsKnownByItsAddressThoughItHasTheExpectedChecksum) {
  checksum_ = "x";
  Refuses();
  Shows(At("A", "x", "x"));
  Links();
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rescue, "false_precondition");
}

TEST_F(IfMatchTest, WhatIsRefusedWithoutEndEnds) {
  for (int i = 0; i < 40; ++i) {
    Refuses();
    Shows(kExpected);
  }
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(IfMatchTest, WhatIsUnknownIsProvenWhenOursIsSeenLater) {
  Refuses();
  Shows(kUnmarked);
  const LinkReport report = Run();
  Shows(kOurs);
  Links();
  EXPECT_EQ(FindOut(report).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A if-match a"));
}

TEST_F(IfMatchTest, WhatIsUnknownIsLinkedByItsRepetitionWhereItMayBe) {
  Loses();
  Shows(kUnmarked);
  const LinkReport report = Run();
  Shows(kExpected);
  Links();
  EXPECT_EQ(Resume(report).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A if-match x"));
}

TEST_F(IfMatchTest, WhoOnlyLooksLinksNothingThatIsNotSeen) {
  Loses();
  Shows(kUnmarked);
  const LinkReport report = Run();
  Shows(kExpected);
  EXPECT_EQ(FindOut(report).outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ::testing::Each("stat"));
}

class IfMatchByCommitTest : public IfMatchTest {
 protected:
  IfMatchByCommitTest() { relinkable_ = false; }
};

TEST_F(IfMatchByCommitTest, OursAmongWhatIsCommittedIsTheProof) {
  Refuses();
  Shows(kOurs);
  Committed(kOurs);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-match x", "stat", "stat@"));
}

TEST_F(IfMatchByCommitTest, WhatIsExpectedInItsPlaceMeansThatItWasDropped) {
  Refuses();
  Shows(kOurs);
  Committed(kExpected);
  Shows(kExpected);
  Committed(kExpected);
  Links();
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-match x", "stat", "stat@", "stat", "stat@",
                          "put anew", "link B if-match x"));
}

TEST_F(IfMatchByCommitTest, TheMarkOfWhatComesThenTells) {
  const auto after = [this](const std::optional<ObjectStats>& next) {
    Refuses();
    Shows(kOurs);
    Committed(kExpected);
    Shows(next);
    Committed(kExpected);
    return Run();
  };
  ExpectSuperseded(after(kBuiltUponOurs));
  ExpectChanged(after(kInOurPlace), Outcome::kNotCommitted);
  ExpectChanged(after(kUnmarked), Outcome::kUnknown);
  ExpectChanged(after(std::nullopt), Outcome::kUnknown);
}

}  // namespace
}  // namespace lakefs::gateway::testing
