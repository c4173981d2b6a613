#include "gateway/base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/synchronization/notification.h"

namespace lakefs::gateway {
namespace {

TEST(WorkerPoolTest, AllTasksHaveRunWhenThePoolIsGone) {
  std::atomic<int> ran = 0;
  {
    WorkerPool pool(4, 1000);
    for (int i = 0; i < 500; ++i) EXPECT_TRUE(pool.TryRun([&] { ++ran; }));
  }
  EXPECT_EQ(ran, 500);
}

TEST(WorkerPoolTest, MoreThanItsThreadsAndItsQueueAreRefused) {
  absl::Notification go;
  std::atomic<int> ran = 0;
  const auto task = [&] {
    go.WaitForNotification();
    ++ran;
  };
  {
    WorkerPool pool(2, 3);
    for (int i = 0; i < 5; ++i) EXPECT_TRUE(pool.TryRun(task)) << i;
    EXPECT_FALSE(pool.TryRun(task));
    EXPECT_GE(pool.waiting(), 3);
    go.Notify();
  }
  EXPECT_EQ(ran, 5);
}

TEST(WorkerPoolTest, AThreadThatIsFreeAgainIsUsed) {
  WorkerPool pool(1, 0);
  for (int i = 0; i < 100; ++i) {
    absl::Notification done;
    while (!pool.TryRun([&] { done.Notify(); })) std::this_thread::yield();
    EXPECT_TRUE(done.WaitForNotificationWithTimeout(absl::Seconds(10)));
  }
}

}  // namespace
}  // namespace lakefs::gateway
