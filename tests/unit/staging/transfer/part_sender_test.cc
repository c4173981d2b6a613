#include "gateway/staging/transfer/part_sender.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"
#include "tests/testing/matchers.h"
#include "tests/testing/shifted_clock.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::Each;

// A target whose PUTs take as long as a test says.
class FakeTarget final : public PartTarget {
 public:
  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override {
    absl::MutexLock lock(&mu_);
    most = std::max(most, ++now_);
    sizes.push_back(bytes.size_bytes());
    const auto gathered = [this] { return most >= gather; };
    if (number > alone &&
        !mu_.AwaitWithTimeout(absl::Condition(&gathered), absl::Seconds(5))) {
      ADD_FAILURE() << "only " << most << " PUTs at a time";
    }
    const milliseconds time = number == stalled ? seconds(20) : takes;
    mu_.Unlock();
    const absl::Status slept = context.Sleep(time);
    mu_.Lock();
    --now_;
    if (!slept.ok()) return slept;
    if (failures[number] > 0) {
      --failures[number];
      return MakeError(absl::StatusCode::kUnavailable, "scripted",
                       Reason::kUpstreamUnavailable);
    }
    if (number == refused) {
      return MakeError(absl::StatusCode::kInternal, "scripted",
                       Reason::kStoreRejected);
    }
    return StoredPart{.number = number, .etag = std::to_string(number)};
  }
  absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

  // Blocks until no PUT is under way; false if that takes too long.
  bool AwaitNone() {
    absl::MutexLock lock(&mu_);
    const auto none = [this] { return now_ == 0; };
    return mu_.AwaitWithTimeout(absl::Condition(&none), absl::Seconds(5));
  }

  milliseconds takes{0};
  // PUTs but the first `alone` wait until so many are under way.
  int gather = 0;
  int alone = 1;
  std::map<int, int> failures;
  int refused = -1;
  int stalled = -1;
  int most = 0;
  std::vector<uint64_t> sizes;
  absl::Mutex mu_;

 private:
  int now_ = 0;
};

class PartSenderTest : public ::testing::Test {
 protected:
  absl::Status SendAll(PartSender& sender, int parts) {
    for (int n = 1; n <= parts; ++n) {
      Part part{.number = n};
      part.bytes.Append(std::string(10, 'x'));
      part.memory = *memory_.TryReserve(10);
      if (auto s = sender.Send(std::move(part)); !s.ok()) return s;
      most_held_ = std::max(most_held_, memory_.used_bytes());
    }
    return absl::OkStatus();
  }

  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  MemoryBudget memory_{10'000};
  RetryBudget budget_{{}, clock_};
  UploadProgress progress_;
  FakeTarget target_;
  int64_t most_held_ = 0;
  WorkerPool pool_{16, 16};
};

TEST_F(PartSenderTest, AllPartsArriveAndComeBackInOrder) {
  PartSender sender(context_, target_, pool_, budget_, progress_);
  ASSERT_THAT(SendAll(sender, 50), IsOk());
  const auto parts = sender.Finish();
  ASSERT_THAT(parts, IsOk());
  ASSERT_EQ(parts->size(), 50U);
  for (int n = 1; n <= 50; ++n) EXPECT_EQ((*parts)[n - 1].number, n);
  EXPECT_EQ(progress_.stored_bytes, 500);
  EXPECT_EQ(sender.sent_bytes(), 500);
  EXPECT_EQ(sender.resent_bytes(), 0);
  EXPECT_EQ(memory_.used_bytes(), 0);
}

TEST_F(PartSenderTest, AFastStoreGetsOnePutAtATime) {
  PartSender sender(context_, target_, pool_, budget_, progress_,
                    {.slow = seconds(10)});
  ASSERT_THAT(SendAll(sender, 50), IsOk());
  ASSERT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(target_.most, 1);
  EXPECT_LE(most_held_, 4 * 10) << "one is sent and three wait";
}

TEST_F(PartSenderTest, ASlowStoreGetsSeveralAtATimeAndAFarOneMore) {
  target_.takes = milliseconds(8);
  target_.gather = 4;
  {
    PartSender near(context_, target_, pool_, budget_, progress_,
                    {.slow = milliseconds(2), .far = seconds(10)});
    ASSERT_THAT(SendAll(near, 30), IsOk());
    ASSERT_THAT(near.Finish(), IsOk());
    EXPECT_EQ(target_.most, 4);
    EXPECT_LE(most_held_, (4 + 3) * 10);
  }
  target_.gather = 8;
  PartSender far(context_, target_, pool_, budget_, progress_,
                 {.slow = milliseconds(2), .far = milliseconds(4)});
  ASSERT_THAT(SendAll(far, 40), IsOk());
  ASSERT_THAT(far.Finish(), IsOk());
  EXPECT_EQ(target_.most, 8);
}

TEST_F(PartSenderTest, AStoreIsFarBeforeItsFirstPutHasEnded) {
  target_.gather = 8;
  target_.alone = 0;
  PartSender sender(context_, target_, pool_, budget_, progress_,
                    {.slow = milliseconds(2), .far = milliseconds(20)});
  ASSERT_THAT(SendAll(sender, 20), IsOk());
  ASSERT_THAT(sender.Finish(), IsOk());
}

TEST_F(PartSenderTest, APartThatIsRefusedEndsTheOthers) {
  target_.gather = 2;
  target_.alone = 0;
  target_.stalled = 1;
  target_.refused = 2;
  PartSender sender(context_, target_, pool_, budget_, progress_,
                    {.slow = milliseconds(2)});
  ASSERT_THAT(SendAll(sender, 2), IsOk());
  EXPECT_THAT(sender.Finish(), HasReason(Reason::kStoreRejected));
  EXPECT_TRUE(target_.AwaitNone()) << "before the sender is gone";
}

TEST_F(PartSenderTest, APartThatFailsIsSentAgainAlone) {
  target_.failures[3] = 2;
  PartSender sender(context_, target_, pool_, budget_, progress_);
  ASSERT_THAT(SendAll(sender, 5), IsOk());
  ASSERT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(target_.sizes.size(), 7U);
  EXPECT_THAT(target_.sizes, Each(10U));
  EXPECT_EQ(sender.resent_bytes(), 20);
  EXPECT_EQ(progress_.stored_bytes, 50);
}

TEST_F(PartSenderTest, APartThatIsRefusedEndsTheUpload) {
  target_.refused = 2;
  {
    PartSender sender(context_, target_, pool_, budget_, progress_);
    (void)SendAll(sender, 3);
    EXPECT_THAT(sender.Finish(), HasReason(Reason::kStoreRejected));
    Part more{.number = 9};
    EXPECT_THAT(sender.Send(std::move(more)),
                HasReason(Reason::kStoreRejected));
  }
  EXPECT_EQ(memory_.used_bytes(), 0);
}

TEST_F(PartSenderTest, GivingUpWaitsForWhatIsUnderWay) {
  target_.takes = seconds(20);
  {
    PartSender sender(context_, target_, pool_, budget_, progress_);
    ASSERT_THAT(SendAll(sender, 2), IsOk());
    while (true) {
      absl::MutexLock lock(&target_.mu_);
      if (!target_.sizes.empty()) break;
    }
  }
  EXPECT_EQ(memory_.used_bytes(), 0);
}

TEST_F(PartSenderTest, TheDeadlineEndsTheWait) {
  target_.takes = seconds(20);
  const CallContext soon =
      context_.WithDeadline(clock_.Now() + milliseconds(30));
  PartSender sender(soon, target_, pool_, budget_, progress_);
  (void)SendAll(sender, 2);
  EXPECT_THAT(sender.Finish(), StatusIs(absl::StatusCode::kDeadlineExceeded));
}

TEST_F(PartSenderTest, AFullPoolHoldsNobodyBeyondItsCall) {
  absl::Notification go;
  WorkerPool busy(1, 4);
  ASSERT_TRUE(busy.TryRun([&go] { go.WaitForNotification(); }));
  const CallContext soon =
      context_.WithDeadline(clock_.Now() + milliseconds(30));
  {
    PartSender sender(soon, target_, busy, budget_, progress_);
    EXPECT_THAT(SendAll(sender, 2), IsOk());
    EXPECT_THAT(sender.Finish(), StatusIs(absl::StatusCode::kDeadlineExceeded));
    EXPECT_EQ(memory_.used_bytes(), 0);
  }
  EXPECT_GT(busy.waiting(), 0) << "its task has not had its turn yet";
  go.Notify();
}

// A target that does not notice when its call is over.
class DeafTarget final : public PartTarget {
 public:
  explicit DeafTarget(milliseconds takes) : takes_(takes) {}
  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope&) override {
    (void)context.Detached(seconds(30)).Sleep(takes_);
    return StoredPart{.number = number};
  }
  absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

 private:
  const milliseconds takes_;
};

TEST_F(PartSenderTest, BehindTheDeadlineNobodySpins) {
  ShiftedClock counted;
  const CallContext soon(counted, counted.Now() + milliseconds(20), "test");
  DeafTarget deaf(milliseconds(300));
  PartSender sender(soon, deaf, pool_, budget_, progress_);
  ASSERT_THAT(SendAll(sender, 2), IsOk());
  (void)sender.Finish();
  EXPECT_LE(counted.waits, 40);
}

TEST_F(PartSenderTest, UploadsTakeTurnsWhereThePoolIsFull) {
  target_.takes = milliseconds(2);
  WorkerPool one(1, 16);
  std::atomic<bool> done = false;
  std::thread endless([&] {
    PartSender sender(context_, target_, one, budget_, progress_);
    while (!done && context_.Over().ok()) {
      Part part{.number = 1};
      part.bytes.Append("x");
      ASSERT_THAT(sender.Send(std::move(part)), IsOk());
    }
    EXPECT_THAT(sender.Finish(), IsOk());
  });
  while (one.waiting() == 0 && target_.most == 0) std::this_thread::yield();
  FakeTarget other;
  PartSender sender(context_.WithDeadline(clock_.Now() + seconds(5)), other,
                    one, budget_, progress_);
  (void)SendAll(sender, 5);
  EXPECT_THAT(sender.Finish(), IsOk());
  done = true;
  endless.join();
}

// A target behind a line that is full: each PUT takes 20 s by a clock of its
// own, until the line is free.
class SharedLine final : public PartTarget {
 public:
  explicit SharedLine(ShiftedClock& clock) : clock_(clock) {}

  absl::StatusOr<StoredPart> PutPart(const CallContext&, int number,
                                     const Rope&) override {
    absl::MutexLock lock(&mu_);
    ++now_;
    if (number > 1 && number <= 9) {
      AwaitBeside(most_at_first, 8, absl::Seconds(60));
    } else if (number > 9 && number <= kFull) {
      // While it is found out, what shares the line has to be seen to share
      // it, however late its thread is; afterwards nobody is to come.
      const bool settled = number > kSettled;
      const auto shared = [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return now_ > 1;
      };
      mu_.AwaitWithTimeout(absl::Condition(&shared),
                           absl::Milliseconds(settled ? 20 : 300));
      if (settled) most_when_full = std::max(most_when_full, now_);
    } else if (number > kFull + 10) {
      AwaitBeside(most_when_free, 4, absl::Seconds(60));
    }
    // The first may end late, beside others, and is to say nothing of the line.
    if (number > 1 && number <= kFull) clock_.Advance(seconds(20));
    --now_;
    return StoredPart{.number = number, .etag = "e"};
  }
  absl::Status Abort(const CallContext&) override { return absl::OkStatus(); }

  static constexpr int kSettled = 24;  // parts later, it has been found out
  static constexpr int kFull = 36;
  static constexpr int kAll = 80;
  // PUTs at a time.
  int most_at_first = 0;
  int most_when_full = 0;
  int most_when_free = 0;

 private:
  void AwaitBeside(int& most, int count, absl::Duration at_most)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    most = std::max(most, now_);
    const auto gathered = [&most, count] { return most >= count; };
    mu_.AwaitWithTimeout(absl::Condition(&gathered), at_most);
  }

  ShiftedClock& clock_;
  absl::Mutex mu_;
  int now_ = 0;
};

TEST_F(PartSenderTest, AFullLineGetsFewerPutsAtATimeAndAFreeOneMoreAgain) {
  ShiftedClock clock;
  const CallContext context(clock, clock.Now() + std::chrono::hours(24), "t");
  SharedLine line(clock);
  PartSender sender(context, line, pool_, budget_, progress_,
                    {.slow = milliseconds(0), .far = milliseconds(0)});
  ASSERT_THAT(SendAll(sender, SharedLine::kAll), IsOk());
  ASSERT_THAT(sender.Finish(), IsOk());
  EXPECT_EQ(line.most_at_first, 8);
  EXPECT_EQ(line.most_when_full, 1);
  EXPECT_GE(line.most_when_free, 4);
}

TEST_F(PartSenderTest, AFailureIsToldAtOnce) {
  target_.refused = 1;
  absl::Notification told;
  PartSender sender(context_, target_, pool_, budget_, progress_, {},
                    [&told] { told.Notify(); });
  EXPECT_THAT(sender.failure(), IsOk());
  (void)SendAll(sender, 1);
  EXPECT_TRUE(told.WaitForNotificationWithTimeout(absl::Seconds(10)));
  EXPECT_THAT(sender.failure(), HasReason(Reason::kStoreRejected));
}

}  // namespace
}  // namespace lakefs::gateway::testing
