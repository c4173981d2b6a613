// The rows of the table in link_loop.h that are a complete's own.
#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/link_loop.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

ObjectStats At(const std::string& address) {
  return {.path = "p", .physical_address = address, .checksum = "c"};
}
absl::Status Scripted(Reason reason, absl::StatusCode code) {
  return MakeError(code, "scripted", reason);
}
absl::Status Lost() {
  return Scripted(Reason::kUpstreamConnectionLost,
                  absl::StatusCode::kUnavailable);
}
absl::Status StoreSays(const std::string& code) {
  ErrorDetails details{.reason = Reason::kStoreRejected};
  details.metadata["storeErrorCode"] = code;
  return MakeError(absl::StatusCode::kInternal, code, details);
}

class CompleteTest : public ::testing::Test {
 protected:
  LinkReport Run() {
    CallContext context(clock_, clock_.Now() + seconds(60), "test");
    LinkLoop loop(lakefs_, budget_, gate_);
    const Place place = [this](const std::optional<StagingLocation>&)
        -> absl::StatusOr<Placement> {
      lakefs_.calls.push_back("put anew");
      if (!place_error_.ok()) return place_error_;
      return Multipart("B");
    };
    return loop.Run(context, {.object = {"repo", "main", "p"}}, before_,
                    Multipart("A"), place, random_);
  }
  Placement Multipart(const std::string& address) {
    return {.location = {.physical_address = address},
            .checksum = "sum-2",
            .multipart =
                StoredMultipart{
                    .upload = {.upload_id = "id", .physical_address = address},
                    .parts = {{1, "e1"}, {2, "e2"}}},
            .relinkable = relinkable_,
            .shared = shared_};
  }
  void Completes(absl::StatusOr<ObjectStats> answer) {
    lakefs_.completes.push_back(std::move(answer));
  }
  void Links(absl::StatusOr<ObjectStats> answer) {
    lakefs_.links.push_back({.stats = std::move(answer)});
  }
  void Stat(const std::optional<ObjectStats>& stats) {
    lakefs_.stats.push_back(stats);
  }
  // A complete that is lost, of which nothing is to be seen, and that says
  // NoSuchUpload when it is sent again.
  void LostThenGone() {
    Completes(Lost());
    Stat(std::nullopt);
    Completes(StoreSays("NoSuchUpload"));
    Stat(std::nullopt);
  }

  // The same, and its object turns out to have no bytes.
  void LinkedWithoutBytes() {
    LostThenGone();
    Links(At("A"));
    lakefs_.reads.push_back(false);
    Stat(At("A"));
  }
  std::vector<std::string> Tail(ptrdiff_t count) const {
    return {lakefs_.calls.end() - count, lakefs_.calls.end()};
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  LinkGate gate_;
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  Before before_{.known = true};
  bool relinkable_ = true;
  bool shared_ = false;
  absl::Status place_error_;
};

// An entry of these bytes, as the store and lakeFS know them.
ObjectStats Ours() {
  ObjectStats stats = At("A");
  stats.checksum = "sum-2";
  return stats;
}

TEST_F(CompleteTest, WhatOthersHaveCompletedOfTheSameBytesIsProvenByALink) {
  shared_ = true;
  Completes(StoreSays("NoSuchUpload"));
  Stat(Ours());
  Links(Ours());
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat", "link A"));
}

TEST_F(CompleteTest, WhatOthersHaveCompletedOfOtherBytesIsNotOurs) {
  shared_ = true;
  Completes(StoreSays("NoSuchUpload"));
  Stat(At("A"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat"));
}

TEST_F(CompleteTest, AfterALossOtherBytesAtOurAddressLeaveItUnknown) {
  shared_ = true;
  Completes(Lost());
  Stat(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat"));
}

TEST_F(CompleteTest, WhatOthersMayBeAboutToLinkIsUnknownAndNotPutAnew) {
  shared_ = true;
  Completes(StoreSays("NoSuchUpload"));
  Stat(std::nullopt);
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat"));
}

TEST_F(CompleteTest, WhatALostCompleteMayHaveMadeOfOthersPartsIsNotLinked) {
  shared_ = true;
  LostThenGone();
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_THAT(lakefs_.calls, Not(Contains("link A")));
}

TEST_F(CompleteTest, APartThatOthersHaveReplacedIsAConflict) {
  shared_ = true;
  Completes(StoreSays("InvalidPart"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(report.status, HasReason(Reason::kLinkConflict));
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A"));
}

TEST_F(CompleteTest, A200IsCommitted) {
  Completes(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A"));
  ASSERT_EQ(lakefs_.completed.size(), 2U);
  EXPECT_EQ(lakefs_.completed[1].etag, "e2");
}

TEST_F(CompleteTest, ALostOneThatStatShowsIsProvenByALink) {
  Completes(Lost());
  Stat(At("A"));
  Links(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat", "link A"));
  EXPECT_EQ(lakefs_.linked[0].checksum, "sum-2");
}

TEST_F(CompleteTest, ALostOneThatStatDoesNotShowIsSentAgain) {
  Completes(Lost());
  Stat(std::nullopt);
  Completes(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat", "complete A"));
}

TEST_F(CompleteTest, WhatTheStoreHasFinishedIsLinkedAndReadBack) {
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(true);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat", "complete A",
                                         "stat", "link A", "read"));
}

TEST_F(CompleteTest, WhatWasLinkedWithoutBytesIsRemovedAndPutAnew) {
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(false);
  Stat(At("A"));
  Completes(At("B"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.object->physical_address, "B");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("complete A", "stat", "complete A", "stat", "link A",
                          "read", "stat", "delete", "put anew", "complete B"));
}

TEST_F(CompleteTest, WhatWasLinkedWithoutBytesGivesWayToWhatWasThereBefore) {
  before_.object = At("OLD");
  before_.object->mtime = 7;
  place_error_ = Scripted(Reason::kLinkConflict, absl::StatusCode::kAborted);
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(false);
  Stat(At("A"));
  Links(At("OLD"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("complete A", "stat", "complete A", "stat", "link A",
                          "read", "stat", "link OLD", "put anew"));
  EXPECT_EQ(lakefs_.linked[1].mtime, WallTime(seconds(7)));
}

// Where nobody had looked beforehand, or nobody was answered.
TEST_F(CompleteTest, WhatTheFirstLookHasShownIsPutBackToo) {
  before_ = {};
  Completes(Lost());
  Stat(At("OLD"));
  Completes(StoreSays("NoSuchUpload"));
  Stat(At("OLD"));
  Links(At("A"));
  lakefs_.reads.push_back(false);
  Stat(At("A"));
  Links(At("OLD"));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(Tail(3), ElementsAre("link OLD", "put anew", "complete B"));
  EXPECT_EQ(lakefs_.linked.back().checksum, "c");
}

TEST_F(CompleteTest, ALostOneThatNobodyLookedBeforeIsJudgedByTime) {
  for (const bool young : {false, true}) {
    before_ = {};
    lakefs_.calls.clear();
    lakefs_.on_call = [this](const std::string& line) {
      if (line == "complete A" && lakefs_.calls.empty()) {
        clock_.Advance(seconds(10));
      }
    };
    Completes(Lost());
    ObjectStats other = At("X");
    other.mtime = 1'000;
    other.shown_at = FromEpochSeconds(young ? 1'008 : 1'009);
    Stat(other);
    if (!young) Completes(At("A"));
    EXPECT_EQ(Run().outcome,
              young ? Outcome::kSuperseded : Outcome::kCommitted);
  }
}

TEST_F(CompleteTest, WhatIsPutBackIsWhatWasThere) {
  before_.object = At("OLD");
  before_.object->size_bytes = 9;
  before_.object->content_type = "text/x";
  before_.object->user_metadata = {{"k", "v"}};
  LinkedWithoutBytes();
  Links(At("OLD"));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  ASSERT_EQ(lakefs_.linked.size(), 2U);
  EXPECT_EQ(lakefs_.linked[1].checksum, "c");
  EXPECT_EQ(lakefs_.linked[1].size_bytes, 9);
  EXPECT_EQ(lakefs_.linked[1].content_type, "text/x");
  EXPECT_EQ(lakefs_.linked[1].user_metadata, before_.object->user_metadata);
}

TEST_F(CompleteTest, WhatCannotBePutBackIsRemoved) {
  before_.object = At("OLD");
  LinkedWithoutBytes();
  Links(
      Scripted(Reason::kUpstreamRejected, absl::StatusCode::kInvalidArgument));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(Tail(4),
              ElementsAre("link OLD", "delete", "put anew", "complete B"));
}

// It may have come, and deleting would take it away again.
TEST_F(CompleteTest, WhatWasPutBackWithoutAnAnswerIsNotRemoved) {
  before_.object = At("OLD");
  LinkedWithoutBytes();
  Links(Lost());
  Stat(At("OLD"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(Tail(3), ElementsAre("stat", "link OLD", "stat"));
}

TEST_F(CompleteTest, WhatWasNotPutBackIsPutBackAgain) {
  before_.object = At("OLD");
  LinkedWithoutBytes();
  Links(Lost());
  Stat(At("A"));
  Links(At("OLD"));
  EXPECT_EQ(Run().outcome, Outcome::kNotCommitted);
  EXPECT_THAT(Tail(4), ElementsAre("stat", "link OLD", "stat", "link OLD"));
}

// What was lost may come late, and would remove the next object.
TEST_F(CompleteTest, AfterALostRemovalNothingIsPutAnew) {
  LinkedWithoutBytes();
  lakefs_.deletes.push_back(Lost());
  Stat(At("A"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(AdviceFor(report), Advice::kRestart);
  EXPECT_THAT(Tail(4), ElementsAre("stat", "delete", "stat", "delete"));
}

TEST_F(CompleteTest, ARemovalThatNeverLeftIsRepeated) {
  LinkedWithoutBytes();
  lakefs_.deletes.push_back(
      Scripted(Reason::kUpstreamUnreachable, absl::StatusCode::kUnavailable));
  Stat(At("A"));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(Tail(4), ElementsAre("stat", "delete", "put anew", "complete B"));
}

TEST_F(CompleteTest, AnEntryWithoutBytesThatCannotBeRemovedIsUnknown) {
  LinkedWithoutBytes();
  lakefs_.deletes.push_back(
      Scripted(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  ASSERT_TRUE(report.undecided);
  EXPECT_TRUE(report.undecided->unproven_bytes);
}

TEST_F(CompleteTest, WhatWasUndoneIsLostNoLonger) {
  LinkedWithoutBytes();
  Completes(
      Scripted(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(CompleteTest, NothingIsFinishedWhereItCannotBeSeenWhatStandsThere) {
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  lakefs_.stats.push_back(
      Scripted(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(CompleteTest, AnUploadThatIsGoneAndStandsThereIsProvenByALink) {
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  Stat(At("A"));
  Links(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(Tail(2), ElementsAre("stat", "link A")) << "it has its bytes";
}

// A part that the store has lost says nothing of a complete that was.
TEST_F(CompleteTest, APartThatIsLostAfterALostCompleteIsNotLinked) {
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("InvalidPart"));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(CompleteTest, WhatHasNoProvenBytesAndCannotBeProvenIsUnknown) {
  LostThenGone();
  Links(Lost());
  Stat(At("A"));
  Links(Scripted(Reason::kLinkAddressExpired,
                 absl::StatusCode::kFailedPrecondition));
  Stat(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(CompleteTest, WhatHadNoProvenBytesIsReadBackWhenItIsResumed) {
  const UndecidedLink link{.request = {.object = {"repo", "main", "p"}},
                           .before = {.known = true},
                           .placement = Multipart("A"),
                           .ours = {{"A", Multipart("A")}},
                           .visible = true,
                           .unproven_bytes = true,
                           .lost = true};
  const CallContext context(clock_, clock_.Now() + seconds(60), "test");
  LinkLoop loop(lakefs_, budget_, gate_);
  Stat(At("A"));
  Links(At("A"));
  lakefs_.reads.push_back(true);
  EXPECT_EQ(loop.Resume(context, link, nullptr, random_).outcome,
            Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link A", "read"));
}

TEST_F(CompleteTest, WhatAnotherWroteOverAnEntryWithoutBytesStays) {
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(false);
  Stat(At("X"));
  Completes(At("B"));
  Run();
  EXPECT_THAT(lakefs_.calls, Not(Contains("delete")));
}

TEST_F(CompleteTest, NothingIsFinishedOverWhatAnotherHasWrittenSince) {
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  Stat(At("X"));
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
  EXPECT_THAT(lakefs_.calls, Not(Contains("link A")));
}

// Its parts were dropped by ourselves when the first call ended.
TEST_F(CompleteTest, AnUploadThatWasAbortedIsNotTakenForFinished) {
  UndecidedLink link{.request = {.object = {"repo", "main", "p"}},
                     .before = {.known = true, .object = At("OLD")},
                     .placement = Multipart("A"),
                     .ours = {{"A", Multipart("A")}},
                     .lost = true,
                     .dropped = true};
  const CallContext context(clock_, clock_.Now() + seconds(60), "test");
  LinkLoop loop(lakefs_, budget_, gate_);
  const Place place =
      [this](
          const std::optional<StagingLocation>&) -> absl::StatusOr<Placement> {
    lakefs_.calls.push_back("put anew");
    return Multipart("B");
  };
  Stat(At("OLD"));
  Completes(StoreSays("NoSuchUpload"));
  Completes(At("B"));
  EXPECT_EQ(loop.Resume(context, link, place, random_).outcome,
            Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("stat", "complete A", "put anew", "complete B"));
}

TEST_F(CompleteTest, WhatIsPutAnewAfterAnAbortIsFinishedLikeAnyOther) {
  const UndecidedLink link{.request = {.object = {"repo", "main", "p"}},
                           .before = {.known = true},
                           .placement = Multipart("A"),
                           .ours = {{"A", Multipart("A")}},
                           .lost = true,
                           .dropped = true};
  const CallContext context(clock_, clock_.Now() + seconds(60), "test");
  LinkLoop loop(lakefs_, budget_, gate_);
  const Place place = [this](const std::optional<StagingLocation>&)
      -> absl::StatusOr<Placement> { return Multipart("B"); };
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  Stat(std::nullopt);
  Links(At("B"));
  lakefs_.reads.push_back(true);
  EXPECT_EQ(loop.Resume(context, link, place, random_).outcome,
            Outcome::kCommitted);
  EXPECT_THAT(Tail(2), ElementsAre("link B", "read"));
}

TEST_F(CompleteTest, AReadBackThatCannotBeMadeLeavesItUnknown) {
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(
      Scripted(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(CompleteTest, AReadBackIsRepeatedLikeAnyQuestion) {
  LostThenGone();
  Links(At("A"));
  lakefs_.reads.push_back(Lost());
  lakefs_.reads.push_back(true);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(CompleteTest, AnUploadThatIsGoneWithoutALossIsPutAnew) {
  Completes(StoreSays("NoSuchUpload"));
  Completes(At("B"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rounds, 2);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("complete A", "put anew", "complete B"));
}

TEST_F(CompleteTest, APartThatTheStoreLostIsDataLossUnlessItCanBeHadAgain) {
  Completes(StoreSays("InvalidPart"));
  place_error_ = Scripted(Reason::kLinkConflict, absl::StatusCode::kAborted);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(report.status, HasReason(Reason::kChecksumMismatch));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  lakefs_.calls.clear();
  place_error_ = absl::OkStatus();
  Completes(StoreSays("InvalidPart"));
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(CompleteTest, AProtectedBranchIsRefusedForCertain) {
  Completes(
      Scripted(Reason::kPermissionDenied, absl::StatusCode::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A"));
}

TEST_F(CompleteTest, WhereAddressesAreBurntALostOneIsBelievedOrPutAnew) {
  relinkable_ = false;
  Completes(Lost());
  Stat(At("A"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("complete A", "stat"));
  lakefs_.calls.clear();
  Completes(Lost());
  Stat(std::nullopt);
  Completes(StoreSays("NoSuchUpload"));
  Stat(std::nullopt);
  Stat(std::nullopt);
  Completes(At("B"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("complete A", "stat", "complete A", "stat", "stat",
                          "put anew", "complete B"));
}

TEST_F(CompleteTest, AnotherWriterWhoCameAfterALostOneHasSupersededIt) {
  Completes(Lost());
  Stat(At("X"));
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
}

}  // namespace
}  // namespace lakefs::gateway::testing
