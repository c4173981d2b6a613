#include "gateway/process/idle_memory.h"

#include <gtest/gtest.h>

#include "tests/testing/fake_clock.h"

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kCode = 19 * kMiB;

class IdleMemoryTest : public ::testing::Test {
 protected:
  IdleMemoryTest()
      : idle_(
            clock_,
            [this] {
              return IdleMemory::Figures{
                  .resident_bytes = kCode + allocated_ + kept_,
                  .allocated_bytes = allocated_};
            },
            [this] {
              ++given_back_;
              kept_ = stuck_;
            }) {}

  // Looks each five seconds for so long.
  void LookFor(seconds span) {
    for (auto passed = seconds(0); passed < span; passed += seconds(5)) {
      clock_.Advance(seconds(5));
      idle_.Look();
    }
  }

  // What the program takes of what was kept, and frees again.
  void Use(int64_t bytes) {
    allocated_ += bytes;
    kept_ -= bytes;
  }

  testing::FakeClock clock_;
  int64_t allocated_ = kMiB;
  int64_t kept_ = 0;   // freed, and not given back
  int64_t stuck_ = 0;  // of that, what lies between what is in use
  int given_back_ = 0;
  IdleMemory idle_;
};

TEST_F(IdleMemoryTest, WhatNobodyUsedForAMinuteIsGivenBackOnce) {
  kept_ = 60 * kMiB;
  LookFor(seconds(55));
  EXPECT_EQ(given_back_, 0);
  LookFor(seconds(15));
  EXPECT_EQ(given_back_, 1);
  LookFor(seconds(600));
  EXPECT_EQ(given_back_, 1);
}

TEST_F(IdleMemoryTest, WhatIsUsedNowAndThenIsKept) {
  kept_ = 60 * kMiB;
  for (int i = 0; i < 20; ++i) {
    LookFor(seconds(30));
    Use(59 * kMiB);
    LookFor(seconds(5));
    Use(-59 * kMiB);
  }
  EXPECT_EQ(given_back_, 0);
}

TEST_F(IdleMemoryTest, WhatIsMoreThanTheUseOfALowerLoadIsGivenBack) {
  kept_ = 60 * kMiB;
  Use(20 * kMiB);
  LookFor(seconds(70));
  EXPECT_EQ(given_back_, 1);
}

TEST_F(IdleMemoryTest, ALittleIsKept) {
  kept_ = 7 * kMiB;
  LookFor(seconds(600));
  EXPECT_EQ(given_back_, 0);
}

TEST_F(IdleMemoryTest, WhatCannotBeGivenBackIsNotTriedForAgain) {
  kept_ = 60 * kMiB;
  stuck_ = 30 * kMiB;
  LookFor(seconds(600));
  EXPECT_EQ(given_back_, 1);
  kept_ += 20 * kMiB;
  LookFor(seconds(70));
  EXPECT_EQ(given_back_, 2);
}

}  // namespace
}  // namespace lakefs::gateway
