#include "gateway/staging/upload/through_lakefs.h"

#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/intake/part_reader.h"
#include "gateway/staging/link/link_loop.h"
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
    ThroughLakefs through(lakefs_, lakefs_.config, reader, "id");
    LinkRequest link{.object = request_.object,
                     .user_metadata = MarkedMetadata(request_),
                     .force = request_.force,
                     .if_absent = request_.if_absent,
                     .if_match = request_.if_match};
    link.user_metadata[kUploadIdKey] = "id";
    return loop_.Run(
        context_, link, before_, through.First(),
        [&](const std::optional<StagingLocation>&) { return through.Again(); },
        random_);
  }
  absl::Status Check() const {
    return ThroughLakefs::Check(request_, lakefs_.config);
  }
  ObjectStats Entry(const std::string& upload_id) {
    return {.path = "p",
            .physical_address = "s3://bucket/data/" + upload_id,
            .checksum = "5d",
            .size_bytes = 5,
            .user_metadata = {{kUploadIdKey, upload_id}}};
  }
  void Stat(std::optional<ObjectStats> stats) {
    lakefs_.stats.push_back(std::move(stats));
  }
  void Committed(std::optional<ObjectStats> stats) {
    lakefs_.committed.push_back(std::move(stats));
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
  FakeBody source_;
  MemoryBudget memory_{16 << 20};
  Spool spool_{{}};
  UploadProgress progress_;
  UploadRequest request_{.object = {"repo", "main", "p"}};
  Before before_{.known = true};
};

TEST_F(ThroughLakefsTest, TheBytesArriveMarkedAsOurs) {
  lakefs_.uploads.push_back(Entry("x"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.uploaded, "hello");
  EXPECT_EQ(lakefs_.upload_options.user_metadata.at(kUploadIdKey), "id");
  EXPECT_EQ(ThroughLakefs::NewUploadId(random_).size(), 32U);
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

TEST_F(ThroughLakefsTest, ALostAnswerOverOursIsCommitted) {
  UploadFails(Reason::kUpstreamConnectionLost);
  Stat(Entry("id"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat"));
}

TEST_F(ThroughLakefsTest, ALostAnswerThatShowsNothingIsSentAgain) {
  UploadFails(Reason::kUpstreamConnectionLost);
  Stat(std::nullopt);
  lakefs_.uploads.push_back(Entry("id"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rounds, 2);
  EXPECT_EQ(lakefs_.uploaded, "hellohello");
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat", "upload"));
}

TEST_F(ThroughLakefsTest, ALostAnswerOverAnothersThatCameSinceIsSuperseded) {
  UploadFails(Reason::kUpstreamConnectionLost);
  Stat(Entry("another"));
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
}

TEST_F(ThroughLakefsTest, OursThatCameCutOffIsNotOurs) {
  UploadFails(Reason::kUpstreamConnectionLost);
  ObjectStats entry = Entry("id");
  entry.size_bytes = 4;
  Stat(entry);
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
}

// A large one, whose caller cannot send it again.
TEST_F(ThroughLakefsTest, WhatCannotBeSentAgainIsLookedForForAWhile) {
  source_.events.clear();
  const std::string data(3 << 20, 'x');
  source_.Send(data, 1 << 20);
  UploadFails(Reason::kUpstreamConnectionLost);
  for (int i = 0; i < 3; ++i) Stat(std::nullopt);
  ObjectStats entry = Entry("id");
  entry.size_bytes = data.size();
  Stat(entry);
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("upload", "stat", "stat", "stat", "stat"));
}

TEST_F(ThroughLakefsTest, WhatNeverComesIsUnknownAfterSomeSeconds) {
  source_.events.clear();
  source_.Send(std::string(3 << 20, 'x'), 1 << 20);
  UploadFails(Reason::kUpstreamConnectionLost);
  for (int i = 0; i < 100; ++i) Stat(std::nullopt);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kUnknown));
  EXPECT_EQ(report.outcome, Outcome::kUnknown);
  EXPECT_GE(clock_.Elapsed(), seconds(10));
  EXPECT_LT(clock_.Elapsed(), seconds(25));
  ASSERT_TRUE(report.undecided);
  EXPECT_FALSE(report.undecided->placement.send) << "its call is over";
}

TEST_F(ThroughLakefsTest, AFalse412OverOursIsProvenByTheCommit) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  Stat(Entry("id"));
  Committed(Entry("id"));
  const LinkReport report = Run();
  EXPECT_EQ(report.outcome, Outcome::kCommitted);
  EXPECT_EQ(report.rescue, "false_precondition");
  EXPECT_THAT(lakefs_.calls, ElementsAre("upload", "stat", "stat@"));
}

TEST_F(ThroughLakefsTest, WhatACommitDropsIsSentAgainUnderTheCondition) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  Stat(Entry("id"));
  Committed(std::nullopt);
  Stat(std::nullopt);
  Committed(std::nullopt);
  lakefs_.uploads.push_back(Entry("id"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.uploaded, "hellohello");
  EXPECT_TRUE(lakefs_.upload_options.condition.if_absent);
}

TEST_F(ThroughLakefsTest, ASwapIsProvenByTheCommitAndSentAgainWhereItIsLost) {
  ObjectStats expected = Entry("another");
  expected.checksum = "x";
  request_.if_match = "x";
  UploadFails(Reason::kObjectExists);
  Stat(Entry("id"));
  Committed(std::nullopt);
  Stat(expected);
  Committed(expected);
  lakefs_.uploads.push_back(Entry("id"));
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.uploaded, "hellohello");
  EXPECT_EQ(lakefs_.upload_options.condition.if_match, "x");
  EXPECT_EQ(lakefs_.upload_options.user_metadata.at(kReplacesKey), "x");
}

TEST_F(ThroughLakefsTest, ASwapThatWasBuiltUponIsSuperseded) {
  ObjectStats built_upon_ours = Entry("another");
  built_upon_ours.user_metadata[kReplacesKey] = "5d";
  request_.if_match = "x";
  UploadFails(Reason::kObjectExists);
  Stat(Entry("id"));
  Committed(std::nullopt);
  Stat(built_upon_ours);
  Committed(std::nullopt);
  EXPECT_EQ(Run().outcome, Outcome::kSuperseded);
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
  EXPECT_TRUE(lakefs_.upload_options.condition.if_absent);
  EXPECT_TRUE(lakefs_.upload_options.force);
}

TEST_F(ThroughLakefsTest, WhatItsCallerBrokeOffIsNotLookedFor) {
  source_.events.clear();
  source_.Send(std::string(3 << 20, 'x'), 1 << 20);
  source_.events.back() = MakeError(absl::StatusCode::kInvalidArgument, "",
                                    Reason::kIncompleteUpload);
  const LinkReport report = Run();
  EXPECT_THAT(report.status, HasReason(Reason::kIncompleteUpload));
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

TEST_F(ThroughLakefsTest, AStatThatAlwaysFailsLeavesItUnknown) {
  request_.if_absent = true;
  UploadFails(Reason::kObjectExists);
  lakefs_.stats.push_back(MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied));
  EXPECT_EQ(Run().outcome, Outcome::kUnknown);
}

TEST_F(ThroughLakefsTest, WhatCameWhenTheCallWasOverIsFoundOut) {
  UploadFails(Reason::kUpstreamConnectionLost);
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "upload") clock_.Advance(seconds(60));
    if (line == "stat") Stat(Entry("id"));
  };
  EXPECT_EQ(Run().outcome, Outcome::kCommitted);
}

// What it goes by would not be there when it is looked for.
TEST_F(ThroughLakefsTest, WhatTheServerWouldDropIsRefused) {
  const auto refused = [this](const std::string& version, UploadRequest what) {
    request_ = std::move(what);
    lakefs_.config.version = version;
    return ReasonOf(Check()) == Reason::kUpstreamUnimplemented &&
           absl::IsFailedPrecondition(Check());
  };
  const UploadRequest mtime{.mtime = WallTime(seconds(1))};
  const UploadRequest metadata{.user_metadata = {{"k", "v"}}};
  const UploadRequest id{.request_id = "r"};
  const UploadRequest create{.if_absent = true};
  const UploadRequest typed{.content_type = "text/x"};
  for (const char* old : {"0.66.0", "0.101.0"}) {
    EXPECT_TRUE(refused(old, mtime)) << old;
    EXPECT_TRUE(refused(old, metadata)) << old;
    EXPECT_TRUE(refused(old, id)) << old;
    EXPECT_FALSE(refused(old, typed)) << old;
  }
  for (const char* recent : {"1.0.0", "1.21.0", "1.84.0", "dev"}) {
    EXPECT_TRUE(refused(recent, mtime)) << recent;
    EXPECT_FALSE(refused(recent, metadata)) << recent;
    EXPECT_FALSE(refused(recent, id)) << recent;
  }
  for (const char* overwrites : {"0.67.0", "0.101.0", "1.0.0", "1.11.1"}) {
    EXPECT_TRUE(refused(overwrites, create)) << overwrites;
  }
  for (const char* creates : {"0.66.0", "1.12.0", "1.84.0", "dev"}) {
    EXPECT_FALSE(refused(creates, create)) << creates;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
