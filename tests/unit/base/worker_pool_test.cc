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

TEST(WorkerPoolTest, WithoutAThreadToBeHadTasksWaitForThoseThatAreThere) {
  ThreadBudget none(0);
  absl::Notification go;
  const auto task = [&go] { go.WaitForNotification(); };
  // Nothing is looked for again so soon.
  const auto try_run = [&](WorkerPool& pool) {
    none.Failed();
    return pool.TryRun(task);
  };
  WorkerPool empty(2, 2, &none);
  EXPECT_FALSE(try_run(empty)) << "nobody would ever run it";
  WorkerPool unqueued(2, 0, &none, /*reserved=*/1);
  EXPECT_TRUE(try_run(unqueued));
  EXPECT_FALSE(try_run(unqueued));
  WorkerPool queued(2, 1, &none, /*reserved=*/1);
  EXPECT_TRUE(try_run(queued));
  EXPECT_TRUE(try_run(queued));
  EXPECT_FALSE(try_run(queued)) << "the queue is no longer than it was";
  go.Notify();
}

}  // namespace
}  // namespace lakefs::gateway
