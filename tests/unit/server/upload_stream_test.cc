#include "gateway/server/upload_stream.h"

#include <gtest/gtest.h>

#include <thread>

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
  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  int reads_asked_ = 0;
  UploadStream stream_{[this] { ++reads_asked_; }};
};

TEST_F(UploadStreamTest, ChunksThenFinishComeOutInOrder) {
  EXPECT_TRUE(stream_.Push(ChunkOf(1)));
  EXPECT_TRUE(stream_.Push(FinishOf(1)));
  stream_.PushEnd();
  auto first = stream_.Next(context_);
  ASSERT_THAT(first, IsOk());
  EXPECT_EQ(std::get<Chunk>(*first).data, "x");
  auto second = stream_.Next(context_);
  ASSERT_THAT(second, IsOk());
  EXPECT_EQ(std::get<Finish>(*second).size_bytes, 1);
}

TEST_F(UploadStreamTest, ReadingStopsWhenFullAndGoesOnWhenThereIsRoom) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(stream_.Push(ChunkOf(1 << 20)));
  EXPECT_FALSE(stream_.Push(ChunkOf(1 << 20))) << "4 MiB wait";
  EXPECT_EQ(reads_asked_, 0);
  EXPECT_THAT(stream_.Next(context_), IsOk());
  EXPECT_EQ(reads_asked_, 1);
  EXPECT_THAT(stream_.Next(context_), IsOk());
  EXPECT_EQ(reads_asked_, 1) << "one read is under way already";
}

TEST_F(UploadStreamTest, WhatFollowsFinishIsAnError) {
  stream_.Push(FinishOf(0));
  EXPECT_FALSE(stream_.Push(ChunkOf(1)));
  EXPECT_THAT(stream_.Next(context_), HasReason(Reason::kBadFrameOrder));
}

TEST_F(UploadStreamTest, AnEndWithoutFinishIsIncomplete) {
  stream_.Push(ChunkOf(1));
  stream_.PushEnd();
  EXPECT_THAT(stream_.Next(context_), IsOk());
  EXPECT_THAT(stream_.Next(context_), HasReason(Reason::kIncompleteUpload));
}

TEST_F(UploadStreamTest, ACancelledCallEndsTheWait) {
  std::thread canceller([this] {
    context_.Cancel();
    stream_.PushEnd();
  });
  EXPECT_THAT(stream_.Next(context_), StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST_F(UploadStreamTest, TheDeadlineEndsTheWait) {
  const CallContext soon =
      context_.WithDeadline(clock_.Now() + std::chrono::milliseconds(20));
  EXPECT_THAT(stream_.Next(soon),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(UploadStreamTest, ACallerThatDoesNotHalfCloseIsNotWaitedForLong) {
  stream_.Push(FinishOf(0));
  const TimePoint start = clock_.Now();
  EXPECT_THAT(stream_.Next(context_), IsOk());
  EXPECT_LT(clock_.Now() - start, seconds(10));
}

TEST_F(UploadStreamTest, ACallerThatMayBeAskedAgainIsNotWaitedForAtAll) {
  stream_.KeepOpenAfterFinish();
  stream_.Push(FinishOf(0));
  const TimePoint start = clock_.Now();
  EXPECT_THAT(stream_.Next(context_), IsOk());
  EXPECT_LT(clock_.Now() - start, std::chrono::milliseconds(400));
}

}  // namespace
}  // namespace lakefs::gateway::testing
