#include "gateway/server/rpc/upload_stream.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "absl/synchronization/notification.h"
#include "gateway/server/rpc/upload_places.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
namespace pb = ::lakefs::staging::v1;

pb::UploadAndLinkRequest ChunkOf(size_t size) {
  pb::UploadAndLinkRequest message;
  message.mutable_chunk()->set_data(std::string(size, 'x'));
  return message;
}
pb::UploadAndLinkRequest FinishOf(int64_t size) {
  pb::UploadAndLinkRequest message;
  message.mutable_finish()->set_size_bytes(size);
  return message;
}

class UploadStreamTest : public ::testing::Test {
 protected:
  absl::StatusOr<BodyEvent> Next() {
    return stream_.Next(context_, context_.deadline());
  }
  pb::UploadAndLinkRequest ChunkAt(int64_t offset, size_t size) {
    pb::UploadAndLinkRequest message = ChunkOf(size);
    message.mutable_chunk()->set_write_offset(offset);
    return message;
  }

  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  int reads_asked_ = 0;
  std::vector<int64_t> rewinds_;
  bool has_to_leave_ = false;
  UploadStream stream_{[this] { ++reads_asked_; },
                       [this](int64_t offset) { rewinds_.push_back(offset); },
                       [this] { return has_to_leave_; }};
};

TEST_F(UploadStreamTest, ChunksThenFinishComeOutInOrder) {
  stream_.Grant(10);
  EXPECT_TRUE(stream_.Push(ChunkOf(1)));
  EXPECT_TRUE(stream_.Push(FinishOf(1))) << "for the half-close";
  stream_.PushEnd();
  auto first = Next();
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(std::get<Chunk>(*first).data, "x");
  auto second = Next();
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(std::get<Finish>(*second).size_bytes, 1);
}

TEST_F(UploadStreamTest, WhoIsSilentForAMinuteLeavesIfItsPlaceIsWanted) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + seconds(1'000), "test");
  const auto wait = [&](int64_t span) {
    return stream_.Next(context, clock.Now() + seconds(span));
  };
  has_to_leave_ = true;
  EXPECT_THAT(wait(100), IsOk()) << "its caller is not being read";
  stream_.Grant(100);
  EXPECT_THAT(wait(50), IsOk());
  EXPECT_TRUE(stream_.Push(ChunkOf(1)));
  EXPECT_THAT(wait(50), IsOk()) << "the chunk";
  EXPECT_THAT(wait(50), IsOk()) << "it has sent something meanwhile";
  has_to_leave_ = false;
  EXPECT_THAT(wait(50), IsOk()) << "there is room";
  has_to_leave_ = true;
  EXPECT_THAT(wait(1), HasReason(Reason::kTooManyUploads));
}

TEST(UploadPlacesTest, OneLeavesForEachThatWasRefused) {
  UploadPlaces places(1);
  absl::Notification end;
  ASSERT_TRUE(places.TryRun([&end] { end.WaitForNotification(); }));
  EXPECT_FALSE(places.HasToLeave());
  EXPECT_FALSE(places.TryRun([] {}));
  EXPECT_FALSE(places.TryRun([] {}));
  EXPECT_TRUE(places.HasToLeave());
  EXPECT_TRUE(places.HasToLeave());
  EXPECT_FALSE(places.HasToLeave());
  end.Notify();
}

TEST_F(UploadStreamTest, NoReadIsStartedWithoutAGrant) {
  EXPECT_EQ(reads_asked_, 0);
  stream_.Grant(100);
  EXPECT_EQ(reads_asked_, 1);
  stream_.Grant(100);
  EXPECT_EQ(reads_asked_, 1) << "one read is under way already";
  EXPECT_TRUE(stream_.Push(ChunkOf(150)));
  EXPECT_FALSE(stream_.Push(ChunkOf(50))) << "all that was granted has come";
  EXPECT_THAT(Next(), IsOk());
  EXPECT_EQ(reads_asked_, 1) << "taking it grants nothing";
  stream_.Grant(1);
  EXPECT_EQ(reads_asked_, 2);
}

TEST_F(UploadStreamTest, AfterAWithdrawalTheReadUnderWayIsTheLast) {
  stream_.Grant(100);
  stream_.Withdraw();
  EXPECT_FALSE(stream_.Push(ChunkOf(10)));
  EXPECT_THAT(Next(), IsOk()) << "what it brought is not lost";
  stream_.Grant(1);
  EXPECT_EQ(reads_asked_, 2);
}

TEST_F(UploadStreamTest, SilenceEndsAWaitThatIsNotTheCalls) {
  const auto event =
      stream_.Next(context_, clock_.Now() + std::chrono::milliseconds(5));
  ASSERT_THAT(event, IsOk());
  EXPECT_TRUE(std::holds_alternative<Silence>(*event));
}

TEST_F(UploadStreamTest, ARewindDropsAllUpToItsOffset) {
  stream_.KeepOpenAfterFinish();
  EXPECT_TRUE(stream_.CanRewind());
  stream_.Grant(100);
  stream_.Push(ChunkAt(0, 10));
  stream_.Push(ChunkAt(10, 10));
  stream_.Rewind(10);
  EXPECT_EQ(rewinds_, std::vector<int64_t>{10});
  EXPECT_TRUE(stream_.Push(ChunkAt(20, 10))) << "was on its way";
  EXPECT_TRUE(stream_.Push(FinishOf(30)));
  stream_.Push(ChunkAt(10, 7));
  const auto event = Next();
  ASSERT_THAT(event, IsOk());
  EXPECT_EQ(std::get<Chunk>(*event).write_offset, 10);
  EXPECT_EQ(std::get<Chunk>(*event).data.size(), 7U);
  stream_.Push(FinishOf(17));
  const auto finish = Next();
  ASSERT_THAT(finish, IsOk());
  EXPECT_EQ(std::get<Finish>(*finish).size_bytes, 17);
}

TEST_F(UploadStreamTest, WhereNothingIsLeftToSendTheFinishAnswersARewind) {
  stream_.Rewind(7);
  stream_.Push(ChunkAt(0, 7));
  stream_.Push(FinishOf(3));
  stream_.Push(FinishOf(7));
  stream_.PushEnd();
  const auto next = Next();
  ASSERT_THAT(next, IsOk());
  ASSERT_TRUE(std::holds_alternative<Finish>(*next));
  EXPECT_EQ(std::get<Finish>(*next).size_bytes, 7);
}

TEST_F(UploadStreamTest, WhoHasHalfClosedCannotRewind) {
  EXPECT_FALSE(stream_.CanRewind());
  stream_.KeepOpenAfterFinish();
  stream_.PushEnd();
  EXPECT_FALSE(stream_.CanRewind());
}

TEST_F(UploadStreamTest, WhatFollowsFinishIsAnError) {
  stream_.Push(FinishOf(0));
  EXPECT_FALSE(stream_.Push(ChunkOf(1)));
  EXPECT_THAT(Next(), HasReason(Reason::kBadFrameOrder));
}

TEST_F(UploadStreamTest, AnEndWithoutFinishIsIncomplete) {
  stream_.Push(ChunkOf(1));
  stream_.PushEnd();
  EXPECT_THAT(Next(), IsOk());
  EXPECT_THAT(Next(), HasReason(Reason::kIncompleteUpload));
}

TEST_F(UploadStreamTest, ACancelledCallEndsTheWait) {
  std::thread canceller([this] {
    context_.Cancel();
    stream_.PushEnd();
  });
  EXPECT_THAT(Next(), StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST_F(UploadStreamTest, TheDeadlineEndsTheWait) {
  const CallContext soon =
      context_.WithDeadline(clock_.Now() + std::chrono::milliseconds(20));
  EXPECT_THAT(stream_.Next(soon, context_.deadline()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(UploadStreamTest, ACallerThatDoesNotHalfCloseIsNotWaitedForLong) {
  stream_.Push(FinishOf(0));
  const TimePoint start = clock_.Now();
  EXPECT_THAT(Next(), IsOk());
  EXPECT_LT(clock_.Now() - start, seconds(10));
}

TEST_F(UploadStreamTest, ACallerThatMayBeAskedAgainIsNotWaitedForAtAll) {
  stream_.KeepOpenAfterFinish();
  EXPECT_FALSE(stream_.Push(FinishOf(0)));
  const TimePoint start = clock_.Now();
  EXPECT_THAT(Next(), IsOk());
  EXPECT_LT(clock_.Now() - start, std::chrono::milliseconds(400));
}

}  // namespace
}  // namespace lakefs::gateway::testing
