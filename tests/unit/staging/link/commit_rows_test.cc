// The rows of the table in link_loop.h by which a commit decides, where ours
// cannot be linked again.
#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

ObjectStats At(const std::string& address) {
  return {.path = "p",
          .physical_address = address,
          .checksum = "c",
          .size_bytes = 5,
          .mtime = 1};
}
LinkAnswer Fails(Reason reason, absl::StatusCode code) {
  return {.stats = MakeError(code, "scripted", reason)};
}
LinkAnswer Precondition() {
  return Fails(Reason::kObjectExists, absl::StatusCode::kAlreadyExists);
}
LinkAnswer Lost() {
  return Fails(Reason::kUpstreamConnectionLost, absl::StatusCode::kUnavailable);
}
LinkAnswer Rejected() {
  return Fails(Reason::kUpstreamRejected, absl::StatusCode::kInvalidArgument);
}

// What stands at the path and what is committed of it are told by the test; an
// address is good for one link, unless `relinkable_`.
class CommitRowsTest : public ::testing::Test {
 protected:
  CommitRowsTest() {
    lakefs_.on_call = [this](const std::string& line) {
      if (hook_) hook_(line);
      if (line == "stat") lakefs_.stats.push_back(stands_);
      if (line == "stat@") lakefs_.committed.push_back(committed_);
    };
  }
  CallContext Call(seconds time = seconds(60)) {
    return {clock_, clock_.Now() + time, "test"};
  }
  LinkReport Run() { return RunIn(Call()); }
  LinkReport RunIn(const CallContext& context) {
    return loop_.Run(context, request_, {.known = true},
                     {.location = {.physical_address = "A"},
                      .checksum = "c",
                      .relinkable = relinkable_},
                     place_, random_);
  }
  LinkReport Resume(const LinkReport& report) {
    EXPECT_TRUE(report.undecided);
    if (!report.undecided) return {};
    return loop_.Resume(Call(), *report.undecided, place_, random_);
  }
  LinkReport FindOut(const LinkReport& report) {
    EXPECT_TRUE(report.undecided);
    if (!report.undecided) return {};
    return loop_.FindOut(Call(), *report.undecided, random_);
  }
  void Link(LinkAnswer answer) { lakefs_.links.push_back(std::move(answer)); }
  // Runs into a 412 over ours, whose commit is not over in time.
  LinkReport StaysInDoubt() {
    Link(Precondition());
    stands_ = At("A");
    LinkReport report = Run();
    EXPECT_EQ(report.outcome, Outcome::kUnknown);
    lakefs_.calls.clear();
    return report;
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  LinkGate gate_;
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  LinkLoop loop_{lakefs_, budget_, gate_};
  LinkRequest request_{
      .object = {"repo", "main", "p"}, .size_bytes = 5, .if_absent = true};
  bool relinkable_ = false;
  std::optional<ObjectStats> stands_;
  std::optional<ObjectStats> committed_;
  std::function<void(const std::string&)> hook_;
  Place place_ =
      [this](
          const std::optional<StagingLocation>&) -> absl::StatusOr<Placement> {
    lakefs_.calls.push_back("put anew");
    return Placement{.location = {.physical_address = "B"},
                     .checksum = "c",
                     .relinkable = relinkable_};
  };
};

TEST_F(CommitRowsTest, OursAmongWhatIsCommittedIsTheProof) {
  Link(Precondition());
  stands_ = committed_ = At("A");
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->physical_address, "A");
  EXPECT_EQ(report.rescue, "false_precondition");
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "stat@"));
  EXPECT_EQ(clock_.Elapsed(), Duration::zero());
}

TEST_F(CommitRowsTest, TheCommitIsWaitedForAtGrowingIntervals) {
  Link(Precondition());
  stands_ = At("A");
  std::vector<milliseconds> looks;
  hook_ = [&](const std::string& line) {
    if (line != "stat@") return;
    looks.push_back(std::chrono::duration_cast<milliseconds>(clock_.Elapsed()));
    if (looks.size() == 4) committed_ = stands_;
  };
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(looks, ElementsAre(milliseconds(0), milliseconds(20),
                                 milliseconds(60), milliseconds(140)));
}

TEST_F(CommitRowsTest, TheCommitIsAskedForEverySecondHoweverLongItTakes) {
  std::vector<Duration> looks;
  hook_ = [&](const std::string& line) {
    if (line == "stat@") looks.push_back(clock_.Elapsed());
  };
  StaysInDoubt();
  ASSERT_GT(looks.size(), 10U);
  for (size_t i = 1; i < looks.size(); ++i) {
    EXPECT_LE(looks[i] - looks[i - 1], seconds(1)) << i;
  }
}

TEST_F(CommitRowsTest, WhatTheCommitDropsIsPutAnewUnderTheCondition) {
  Link(Precondition());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@") stands_.reset();
  };
  Link({.stats = At("B")});
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->physical_address, "B");
  EXPECT_EQ(report.rescue, "lost_write");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-absent", "stat", "stat@", "stat", "stat@",
                          "put anew", "link B if-absent"));
}

// The commit that was in doubt has dropped A, and is over: B is as any create
// whose answer was lost.
TEST_F(CommitRowsTest, WhatIsPutAnewIsInNoDoubtForTheCommitBefore) {
  Link(Precondition());
  stands_ = At("A");
  bool put = false;
  hook_ = [&](const std::string& line) {
    if (line == "link B if-absent") {
      put = true;
      stands_ = At("B");
    } else if (line == "stat@" && !put) {
      stands_.reset();
    }
  };
  Link(Lost());
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->physical_address, "B");
  EXPECT_LT(clock_.Elapsed(), seconds(3));
}

TEST_F(CommitRowsTest, WhatWasCommittedAndReplacedBetweenTwoLooksIsProven) {
  Link(Precondition());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line != "stat@" || clock_.Elapsed() == Duration::zero()) return;
    committed_ = At("A");
  };
  // Gone from the branch by the second look.
  lakefs_.on_call = [this](const std::string& line) {
    if (hook_) hook_(line);
    if (line == "stat") {
      const bool first = clock_.Elapsed() == Duration::zero();
      lakefs_.stats.push_back(first ? stands_ : std::nullopt);
    }
    if (line == "stat@") lakefs_.committed.push_back(committed_);
  };
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put anew")));
}

TEST_F(CommitRowsTest, AnothersInItsPlaceLeavesItUnknown) {
  Link(Precondition());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@") stands_ = At("X");
  };
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  ASSERT_TRUE(report.object);
  EXPECT_EQ(report.object->physical_address, "X");
  EXPECT_TRUE(report.undecided);
}

TEST_F(CommitRowsTest, ACommitThatIsNotOverInTenSecondsLeavesItUnknown) {
  Link(Precondition());
  stands_ = At("A");
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnknown));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_GE(clock_.Elapsed(), seconds(10));
  EXPECT_LE(clock_.Elapsed(), seconds(11));
}

// Where lakeFS wanted the object before is of no use while it may stand there.
TEST_F(CommitRowsTest, ACommitThatIsNotOverIsWhatTheErrorNames) {
  Link({.stats = MakeError(absl::StatusCode::kAborted, "scripted",
                           Reason::kLinkConflict),
        .try_here = StagingLocation{.physical_address = "C"}});
  Link(Precondition());
  stands_ = At("B");
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kOutcomeUnknown));
  EXPECT_THAT(std::string(report.status.message()), HasSubstr("not over yet"));
  EXPECT_FALSE(report.try_here);
}

TEST_F(CommitRowsTest, AsLongAsItIsInDoubtARepetitionAndItsOutcomeAgree) {
  const LinkReport report = StaysInDoubt();
  EXPECT_EQ(FindOut(report).outcome, Outcome::kUnknown);
  EXPECT_EQ(Resume(report).outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put anew")));
}

TEST_F(CommitRowsTest, ADoubtThatACommitHasKeptIsCommittedForWhoeverAsks) {
  const LinkReport report = StaysInDoubt();
  committed_ = At("A");
  EXPECT_EQ(FindOut(report).outcome, Outcome::kCommitted);
  EXPECT_EQ(Resume(report).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "stat@", "stat", "stat@"));
}

TEST_F(CommitRowsTest, ADoubtThatACommitHasDroppedIsOverForWhoeverAsks) {
  const LinkReport report = StaysInDoubt();
  stands_.reset();
  const LinkReport found = FindOut(report);
  EXPECT_EQ(found.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(AdviceFor(found), Advice::kRestart);
  Link({.stats = At("B")});
  EXPECT_EQ(Resume(report).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("stat", "stat", "put anew", "link B if-absent"));
}

TEST_F(CommitRowsTest, AnUnconditionalWriteThatIsSeenNeedsNoCommit) {
  request_.if_absent = false;
  Link(Lost());
  stands_ = At("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A", "stat"));
}

TEST_F(CommitRowsTest, ALostCreateThatNoCommitMeetsIsBelievedAfterASecond) {
  Link(Lost());
  stands_ = At("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_GE(clock_.Elapsed(), seconds(1));
  EXPECT_LT(clock_.Elapsed(), seconds(2));
}

TEST_F(CommitRowsTest, ALostCreateThatACommitDropsIsPutAnew) {
  Link(Lost());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@") stands_.reset();
  };
  Link({.stats = At("B")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, Contains("link B if-absent"));
}

// The 412 can be that of the lost one, which no commit has met.
TEST_F(CommitRowsTest, A412AfterALostCreateSaysNothingOfACommit) {
  Link(Lost());
  Link(Precondition());
  int stats = 0;
  hook_ = [&](const std::string& line) {
    if (line == "stat" && ++stats == 2) stands_ = At("A");
  };
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(CommitRowsTest, AnAddressThatIsNotSignedIsProvenByTheCommit) {
  relinkable_ = true;
  Link(Precondition());
  Link(Rejected());
  stands_ = committed_ = At("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("link A if-absent", "stat", "link A", "stat@"));
}

TEST_F(CommitRowsTest, WhatIsNotSignedAndDroppedIsPutAnew) {
  relinkable_ = true;
  Link(Precondition());
  Link(Rejected());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@") stands_.reset();
  };
  Link({.stats = At("B")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, Contains("link B if-absent"));
}

TEST_F(CommitRowsTest, AnAddressThatIsUsedUpIsProvenByTheCommit) {
  relinkable_ = true;
  Link(Precondition());
  Link(Fails(Reason::kLinkAddressExpired,
             absl::StatusCode::kFailedPrecondition));
  stands_ = committed_ = At("A");
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "link A",
                                         "stat", "stat@"));
}

TEST_F(CommitRowsTest, WhatCannotBeAskedIsUnknown) {
  Link(Precondition());
  stands_ = At("A");
  lakefs_.committed.push_back(MakeError(absl::StatusCode::kPermissionDenied,
                                        "no", Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("link A if-absent", "stat", "stat@"));
}

TEST_F(CommitRowsTest, WhatCannotBeLookedAtAgainIsUnknown) {
  Link(Precondition());
  stands_ = At("A");
  int looks = 0;
  hook_ = [&](const std::string& line) {
    if (line == "stat" && ++looks == 2) {
      lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied,
                                        "no", Reason::kPermissionDenied));
    }
  };
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, Not(Contains("put anew")));
}

TEST_F(CommitRowsTest, ACallThatEndsMeanwhileIsFoundOutBeyondIt) {
  Link(Precondition());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@" && clock_.Elapsed() > seconds(2)) committed_ = stands_;
  };
  EXPECT_EQ(RunIn(Call(seconds(2))).outcome, Outcome::kCommitted);
}

// Its 412 was no false one, and to see it rescues nothing.
TEST_F(CommitRowsTest, AnEarlierCallsObjectIsNoRescue) {
  request_.user_metadata[kRequestIdKey] = "r";
  Link(Precondition());
  stands_ = At("E");
  stands_->user_metadata = request_.user_metadata;
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rescue, "");
  EXPECT_LT(clock_.Elapsed(), seconds(2));
}

TEST_F(CommitRowsTest, WithoutBytesWhatACommitDroppedIsNotCommitted) {
  place_ = nullptr;
  Link(Precondition());
  stands_ = At("A");
  hook_ = [&](const std::string& line) {
    if (line == "stat@") stands_.reset();
  };
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

}  // namespace
}  // namespace lakefs::gateway::testing
