#include "gateway/staging/intake/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Door = MemoryBudget::Door;

class MemoryBudgetTest : public ::testing::Test {
 protected:
  MemoryBudget::Reservation Reserve(Door door, int64_t bytes) {
    auto reservation = budget_.Reserve(context_, door, bytes);
    EXPECT_THAT(reservation, IsOk());
    return *std::move(reservation);
  }
  // Whether a wait of that size ends without memory.
  bool Waits(Door door, int64_t bytes) {
    const CallContext soon =
        context_.WithDeadline(clock_.Now() + milliseconds(30));
    return absl::IsDeadlineExceeded(
        budget_.Reserve(soon, door, bytes).status());
  }
  void AwaitWaiters(int count) {
    while (budget_.waiting() != count && context_.Over().ok()) {
      std::this_thread::yield();
    }
    ASSERT_EQ(budget_.waiting(), count);
  }

  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  MemoryBudget budget_{100};
};

TEST_F(MemoryBudgetTest, WhatIsHeldComesBack) {
  {
    auto held = Reserve(Door::kLarge, 60);
    EXPECT_EQ(budget_.used_bytes(), 60);
    EXPECT_TRUE(Waits(Door::kLarge, 41));
    held.Shrink(30);
    EXPECT_EQ(budget_.used_bytes(), 30);
    auto part = held.Split(20);
    EXPECT_EQ(part.bytes(), 20);
    EXPECT_EQ(held.bytes(), 10);
    part.Add(std::move(held));
    EXPECT_EQ(part.bytes(), 30);
    EXPECT_EQ(budget_.used_bytes(), 30);
  }
  EXPECT_EQ(budget_.used_bytes(), 0);
}

TEST_F(MemoryBudgetTest, TheSmallDoorNeverGivesMoreThanHalf) {
  const auto a = Reserve(Door::kSmall, 30);
  auto b = Reserve(Door::kSmall, 20);
  EXPECT_TRUE(Waits(Door::kSmall, 1));
  const auto part = Reserve(Door::kLarge, 50);
  EXPECT_TRUE(Waits(Door::kLarge, 1));
  b.Release();
  const auto c = Reserve(Door::kSmall, 20);
  EXPECT_EQ(budget_.used_bytes(), 100);
}

TEST_F(MemoryBudgetTest, MemoryOfTheSmallDoorCountsAsSuchWhereverItGoes) {
  auto small = Reserve(Door::kSmall, 50);
  auto part = Reserve(Door::kLarge, 10);
  part.Add(std::move(small));
  EXPECT_TRUE(Waits(Door::kSmall, 1));
  part.Shrink(10);
  EXPECT_FALSE(Waits(Door::kSmall, 50));
}

TEST_F(MemoryBudgetTest, WhoWaitsIsServedInTurnAndNobodyOvertakes) {
  auto held = Reserve(Door::kLarge, 90);
  std::atomic<bool> served = false;
  std::thread waiter([&] {
    const auto mine = Reserve(Door::kLarge, 50);
    served = true;
  });
  AwaitWaiters(1);
  EXPECT_TRUE(budget_.pressed());
  EXPECT_TRUE(Waits(Door::kLarge, 5)) << "there is room, but not its turn";
  EXPECT_FALSE(budget_.TryReserve(5).has_value());
  EXPECT_FALSE(served);
  held.Release();
  waiter.join();
  EXPECT_TRUE(served);
  EXPECT_TRUE(budget_.TryReserve(100).has_value());
}

TEST_F(MemoryBudgetTest, OneThatGivesUpLetsTheNextIn) {
  auto held = Reserve(Door::kLarge, 90);
  const CallContext other(clock_, clock_.Now() + seconds(30), "other");
  std::thread large([&] {
    EXPECT_THAT(budget_.Reserve(other, Door::kLarge, 50),
                StatusIs(absl::StatusCode::kCancelled));
  });
  AwaitWaiters(1);
  std::thread small([&] { Reserve(Door::kLarge, 10); });
  AwaitWaiters(2);
  other.Cancel();
  large.join();
  small.join();
  EXPECT_EQ(budget_.used_bytes(), 90);
}

TEST_F(MemoryBudgetTest, WhatIsHereAlreadyIsCountedThoughItOverdraws) {
  auto held = Reserve(Door::kLarge, 90);
  auto unasked = budget_.Overdraw(30);
  EXPECT_EQ(budget_.used_bytes(), 120);
  held.Shrink(70);
  EXPECT_TRUE(Waits(Door::kLarge, 1));
  unasked.Release();
  EXPECT_FALSE(Waits(Door::kLarge, 30));
}

TEST_F(MemoryBudgetTest, ManyThreadsNeverGetMoreThanThereIs) {
  std::atomic<int64_t> out = 0;
  std::atomic<int64_t> most = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        const int64_t bytes = 1 + (i * 7 + t * 13) % 50;
        auto held = Reserve(i % 2 ? Door::kSmall : Door::kLarge, bytes);
        const int64_t now = out += bytes;
        for (int64_t seen = most; now > seen;) {
          most.compare_exchange_weak(seen, now);
        }
        out -= bytes;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 100);
  EXPECT_EQ(budget_.used_bytes(), 0);
  EXPECT_EQ(budget_.waiting(), 0);
}

}  // namespace
}  // namespace lakefs::gateway::testing
