#include "gateway/staging/transfer/hear_out.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class HearOutTest : public ::testing::Test {
 protected:
  // Begins what comes to `answer_` when `go_` is given.
  absl::StatusOr<int> Run(const CallContext& context, WorkerPool& pool) {
    return HearOut<int>(
        context, pool,
        [this](const CallContext&) {
          begun_.Notify();
          go_.WaitForNotification();
          return answer_;
        },
        [this](const CallContext& own, int made) {
          EXPECT_THAT(own.Over(), IsOk()) << "there is time for that";
          undone_ = made;
          return absl::OkStatus();
        });
  }

  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(60), "test"};
  absl::StatusOr<int> answer_ = 7;
  int undone_ = 0;  // read when the pool has ended
  absl::Notification begun_;
  absl::Notification go_;
};

TEST_F(HearOutTest, WhatComesInTimeIsTheCallers) {
  go_.Notify();
  {
    WorkerPool pool(1, 1);
    EXPECT_THAT(Run(context_, pool), IsOkAndHolds(7));
  }
  EXPECT_EQ(undone_, 0);
}

TEST_F(HearOutTest, AFailureIsTheCallersToo) {
  answer_ = absl::InternalError("no");
  go_.Notify();
  WorkerPool pool(1, 1);
  EXPECT_THAT(Run(context_, pool), StatusIs(absl::StatusCode::kInternal));
}

TEST_F(HearOutTest, WhatComesWhenTheCallIsCancelledIsUndone) {
  {
    WorkerPool pool(1, 1);
    std::thread caller([this] {
      begun_.WaitForNotification();
      context_.Cancel();
    });
    EXPECT_THAT(Run(context_, pool), StatusIs(absl::StatusCode::kCancelled));
    caller.join();
    go_.Notify();
  }
  EXPECT_EQ(undone_, 7);
}

TEST_F(HearOutTest, WhatComesAfterTheDeadlineIsUndone) {
  const CallContext hasty =
      context_.WithDeadline(clock_.Now() + milliseconds(20));
  {
    WorkerPool pool(1, 1);
    EXPECT_THAT(Run(hasty, pool),
                StatusIs(absl::StatusCode::kDeadlineExceeded));
    go_.Notify();
  }
  // Unless it was never begun.
  EXPECT_EQ(undone_, begun_.HasBeenNotified() ? 7 : 0);
}

TEST_F(HearOutTest, APoolWithoutRoomIsNotWaitedFor) {
  go_.Notify();
  WorkerPool nobody(0, 0);
  EXPECT_THAT(Run(context_, nobody), IsOkAndHolds(7));
}

}  // namespace
}  // namespace lakefs::gateway::testing
