#include "gateway/staging/upload/through_lakefs.h"

#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_body.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class ThroughLakefsTest : public ::testing::Test {
 protected:
  ThroughLakefsTest() {
    source_.events.push_back(Chunk{.write_offset = 0, .data = "hello"});
    source_.events.push_back(Finish{.size_bytes = 5});
  }
  LinkReport Run() {
    PartReader reader(context_, request_, source_, memory_, spool_, progress_);
    return through_.Run(context_, request_, lakefs_.config, reader, random_);
  }
  ObjectStats Entry(const std::string& upload_id) {
    return {.path = "p",
            .physical_address = "local:///x",
            .checksum = "5d",
            .size_bytes = 5,
            .user_metadata = {{kUploadIdKey, upload_id}}};
  }
  // What a stat shows once the upload has run: an entry with its own mark.
  void StatShowsOurs() {
    lakefs_.on_call = [this](const std::string& line) {
      if (line != "stat") return;
      lakefs_.stats.push_back(
          Entry(lakefs_.upload_options.user_metadata.at(kUploadIdKey)));
    };
  }
  void UploadFails(Reason reason) {
    lakefs_.uploads.push_back(
        MakeError(absl::StatusCode::kUnavailable, "scripted", reason));
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  CallContext context_{clock_, clock_.Now() + seconds(60), "test"};
  RetryBudget budget_{{}, clock_};
  FakeLakefs lakefs_;
  LinkGate gate_;
  LinkLoop loop_{lakefs_, budget_, gate_};
  ThroughLakefs through_{lakefs_, loop_, budget_};
  FakeBody source_;
  MemoryBudget memory_{16 << 20};
  Spool spool_{{}};
  UploadProgress progress_;
  UploadRequest request_{.object = {"repo", "main", "p"}};
};

TEST_F(ThroughLakefsTest, TheBytesArriveMarkedAsOurs) {
  lakefs_.uploads.push_back(Entry("x"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.uploaded, "hello");
  EXPECT_EQ(lakefs_.upload_options.user_metadata.at(kUploadIdKey).size(), 32U);
}

TEST_F(ThroughLakefsTest, AWrongWholeBreaksTheRequestOff) {
  source_.events.back() = Finish{.size_bytes = 4};
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kSizeMismatch));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(ThroughLakefsTest, AnIncompleteUploadIsNotCommitted) {
  source_.events.back() = MakeError(absl::StatusCode::kInvalidArgument, "",
                                    Reason::kIncompleteUpload);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kIncompleteUpload));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(ThroughLakefsTest, ALostAnswerOverOursIsProvenByALink) {
  UploadFails(Reason::kUpstreamConnectionLost);
  StatShowsOurs();
  lakefs_.links.push_back({.stats = Entry("x")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat", "link local:///x"));
}

TEST_F(ThroughLakefsTest, ALostAnswerThatShowsNothingIsUnknown) {
  UploadFails(Reason::kUpstreamConnectionLost);
  lakefs_.stats.push_back(std::nullopt);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnknown));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_F(ThroughLakefsTest, AFalse412OverOursIsProvenByALink) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  StatShowsOurs();
  lakefs_.links.push_back({.stats = Entry("x")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(ThroughLakefsTest, AFalse412ThatCannotBeProvenIsUnknown) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  StatShowsOurs();
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kInvalidArgument, "unsigned",
                          Reason::kUpstreamRejected)});
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(ThroughLakefsTest, A412OverAnothersIsAlreadyExists) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(Entry("another"));
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(ThroughLakefsTest, A412OverNothingIsSentAgainFromWhatIsHeld) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(std::nullopt);
  lakefs_.uploads.push_back(Entry("x"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rounds, 2);
  EXPECT_EQ(lakefs_.uploaded, "hellohello");
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat", "upload"));
}

TEST_F(ThroughLakefsTest, WhatIsHeldNoLongerIsAskedForAgain) {
  const std::string data(3 << 20, 'x');
  request_.if_absent = true;
  source_.events.clear();
  source_.Send(data, 1 << 20);
  source_.Send(data, 1 << 20);
  source_.can_rewind = true;
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(std::nullopt);
  lakefs_.uploads.push_back(ObjectStats{});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(source_.rewinds, ElementsAre(0));
  EXPECT_EQ(lakefs_.uploaded, data + data);
}

TEST_F(ThroughLakefsTest, WhatCannotBeHadAgainHasToBeStartedOver) {
  request_.if_absent = true;
  source_.events.clear();
  source_.Send(std::string(3 << 20, 'x'), 1 << 20);
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(std::nullopt);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_EQ(AdviceFor(report), Advice::kRestart);
}

TEST_F(ThroughLakefsTest, ARaceThatIsAlwaysLostEnds) {
  request_.if_absent = true;
  for (int i = 0; i < 8; ++i) {
    UploadFails(Reason::kObjectExists);
    lakefs_.stats.push_back(std::nullopt);
  }
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_EQ(report.rounds, 8);
}

TEST_F(ThroughLakefsTest, WhatNeverLeftIsSentAgain) {
  UploadFails(Reason::kUpstreamUnreachable);
  lakefs_.uploads.push_back(Entry("x"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "upload"));
  EXPECT_GT(clock_.Elapsed(), Duration::zero());
}

TEST_F(ThroughLakefsTest, ARefusalIsNotSentAgain) {
  UploadFails(Reason::kPermissionDenied);
  Run();
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload"));
}

TEST_F(ThroughLakefsTest, ARefusalIsNotCommitted) {
  UploadFails(Reason::kPermissionDenied);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
}

TEST_F(ThroughLakefsTest, ACreateIsSentUnderTheCondition) {
  request_.if_absent = true;
  request_.force = true;
  lakefs_.uploads.push_back(Entry("x"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_TRUE(lakefs_.upload_options.if_absent);
  EXPECT_TRUE(lakefs_.upload_options.force);
}

TEST_F(ThroughLakefsTest, WhatWasNotSentToItsEndIsNotLookedFor) {
  source_.events.clear();
  source_.Send(std::string(3 << 20, 'x'), 1 << 20);
  source_.events.back() = MakeError(absl::StatusCode::kUnavailable, "broken",
                                    Reason::kUpstreamConnectionLost);
  const LinkReport report = Run();
  EXPECT_FALSE(report.status.ok());
  EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload"));
}

TEST_F(ThroughLakefsTest, WhatIsShorterInTheEndThanWhatWasSentIsUnknown) {
  ObjectStats entry = Entry("x");
  entry.size_bytes = 4;
  lakefs_.uploads.push_back(entry);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
}

TEST_F(ThroughLakefsTest, WhatIsUnknownIsNotSentAgain) {
  UploadFails(Reason::kUpstreamConnectionLost);
  lakefs_.stats.push_back(std::nullopt);
  Run();
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat"));
}

TEST_F(ThroughLakefsTest, AStatThatFailsIsAskedAgain) {
  UploadFails(Reason::kUpstreamConnectionLost);
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kUnavailable, "busy",
                                    Reason::kUpstreamUnavailable));
  lakefs_.on_call = [this](const std::string& line) {
    if (line != "stat" || lakefs_.calls.size() < 2) return;
    lakefs_.stats.push_back(
        Entry(lakefs_.upload_options.user_metadata.at(kUploadIdKey)));
  };
  lakefs_.links.push_back({.stats = Entry("x")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(ThroughLakefsTest, AStatThatAlwaysFailsLeavesItUnknown) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(ThroughLakefsTest, WhatCameWhenTheCallWasOverIsFoundOut) {
  UploadFails(Reason::kUpstreamConnectionLost);
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kUnavailable, "busy",
                                    Reason::kUpstreamUnavailable));
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(seconds(60));
    if (line != "stat") return;
    lakefs_.stats.push_back(
        Entry(lakefs_.upload_options.user_metadata.at(kUploadIdKey)));
  };
  lakefs_.links.push_back({.stats = Entry("x")});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

TEST_F(ThroughLakefsTest, AProofThatIsRefusedLeavesItUnknown) {
  UploadFails(Reason::kUpstreamConnectionLost);
  StatShowsOurs();
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kPermissionDenied, "no",
                          Reason::kPermissionDenied)});
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

// Before v1.22 and on local stores, where no link takes the address back.
TEST_F(ThroughLakefsTest, WhatStandsThereUnconditionallyNeedsNoProof) {
  UploadFails(Reason::kUpstreamConnectionLost);
  StatShowsOurs();
  lakefs_.links.push_back(
      {.stats = MakeError(absl::StatusCode::kInvalidArgument, "unsigned",
                          Reason::kUpstreamRejected)});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

// By a repeated call, on another replica.
class RepeatedThroughLakefsTest : public ThroughLakefsTest {
 protected:
  RepeatedThroughLakefsTest() { request_.request_id = "r"; }
  ObjectStats Marked() {
    ObjectStats entry = Entry("of an earlier call");
    entry.user_metadata[kRequestIdKey] = "r";
    return entry;
  }
};

TEST_F(RepeatedThroughLakefsTest, WhatStandsThereIsProvenAndNotSentAgain) {
  lakefs_.stats.push_back(Marked());
  lakefs_.links.push_back({.stats = Marked()});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "link local:///x"));
}

TEST_F(RepeatedThroughLakefsTest, AnotherHeaderIsRefused) {
  request_.content_type = "text/x";
  lakefs_.stats.push_back(Marked());
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(RepeatedThroughLakefsTest, NothingIsSentUntilItIsKnownWhatStandsThere) {
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(RepeatedThroughLakefsTest, WhatTheOtherCallHasWrittenMeanwhileIsOurs) {
  request_.if_absent = true;
  lakefs_.stats.push_back(std::nullopt);
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(Marked());
  lakefs_.links.push_back({.stats = Marked()});
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("stat", "upload", "stat", "link local:///x"));
}

TEST_F(ThroughLakefsTest, AnMtimeThatWouldBeLostIsRefusedUnsent) {
  request_.mtime = WallTime(seconds(1));
  EXPECT_THAT(Run().status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_TRUE(lakefs_.calls.empty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
