#include "gateway/staging/preflight.h"

#include <gmock/gmock.h>

#include "absl/synchronization/notification.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

class PreflightTest : public ::testing::Test {
 protected:
  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  FakeLakefs lakefs_;
  const UploadRequest request_{.object = {"repo", "main", "o"}};
};

TEST_F(PreflightTest, WhatIsAskedOnThePoolIsAskedOnce) {
  WorkerPool pool(1, 4);
  lakefs_.stats.emplace_back(ObjectStats{.physical_address = "A"});
  Preflight preflight(context_, lakefs_, pool, request_, true);
  const Before& before = preflight.GetBefore();
  EXPECT_TRUE(before.known);
  EXPECT_EQ(before.object->physical_address, "A");
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(PreflightTest, APoolThatIsBusyIsNotWaitedFor) {
  absl::Notification go;
  WorkerPool pool(1, 4);
  ASSERT_TRUE(pool.TryRun([&go] { go.WaitForNotification(); }));
  lakefs_.stats.emplace_back(std::nullopt);
  {
    Preflight preflight(context_, lakefs_, pool, request_, true);
    EXPECT_FALSE(preflight.Refusal().has_value()) << "it does not block";
    EXPECT_TRUE(preflight.GetBefore().known);
    EXPECT_FALSE(preflight.GetBefore().object.has_value());
  }
  go.Notify();
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "branch"));
}

TEST_F(PreflightTest, AMissingBranchIsTold) {
  WorkerPool pool(0, 0);
  lakefs_.stats.emplace_back(std::nullopt);
  lakefs_.branch =
      MakeError(absl::StatusCode::kNotFound, "no branch", Reason::kNotFound);
  Preflight preflight(context_, lakefs_, pool, request_, true);
  EXPECT_THAT(preflight.Refusal()->status, HasReason(Reason::kNotFound));
}

}  // namespace
}  // namespace lakefs::gateway::testing
