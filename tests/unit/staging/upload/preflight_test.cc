#include "gateway/staging/upload/preflight.h"

#include <gmock/gmock.h>

#include <random>

#include "absl/synchronization/notification.h"
#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_clock.h"
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

  std::optional<LinkReport> RefusalOf(const UploadRequest& request,
                                      bool is_large) {
    WorkerPool nobody(0, 0);
    Preflight preflight(context_, lakefs_, nobody, request);
    preflight.Ask(is_large);
    return preflight.Refusal();
  }
};

TEST_F(PreflightTest, NothingIsAskedUnlessSomebodySaysSo) {
  WorkerPool pool(1, 4);
  Preflight preflight(context_, lakefs_, pool, request_);
  EXPECT_FALSE(preflight.Refusal());
  EXPECT_FALSE(preflight.Earlier());
  EXPECT_FALSE(preflight.GetBefore().known);
  FakeClock time;
  RetryBudget budget({}, time);
  std::mt19937_64 random(1);
  EXPECT_FALSE(preflight.GetBefore(context_, budget, random).known);
  EXPECT_TRUE(lakefs_.calls.empty());
}

// Of one whose size was not known.
TEST_F(PreflightTest, AnObjectThatTurnsOutLargeIsAskedForItsBranchToo) {
  WorkerPool nobody(0, 0);
  for (const bool stands : {false, true}) {
    lakefs_.calls.clear();
    std::optional<ObjectStats> object;
    if (stands) object = ObjectStats{.physical_address = "A"};
    lakefs_.stats.emplace_back(object);
    Preflight preflight(context_, lakefs_, nobody, request_);
    preflight.Ask(/*is_large=*/false);
    EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
    lakefs_.read_only = stands;
    for (int part = 1; part < 4; ++part) preflight.Ask(/*is_large=*/true);
    if (stands) {
      EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "repository"));
    } else {
      EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "branch", "repository"));
    }
    EXPECT_EQ(preflight.Refusal().has_value(), stands);
    EXPECT_EQ(preflight.GetBefore().object, object);
  }
}

TEST_F(PreflightTest, BothQuestionsAreWaitedFor) {
  WorkerPool pool(2, 4);
  lakefs_.stats.emplace_back(std::nullopt);
  lakefs_.read_only = true;
  Preflight preflight(context_, lakefs_, pool, request_);
  preflight.Ask(/*is_large=*/false);
  EXPECT_TRUE(preflight.GetBefore().known);
  preflight.Ask(/*is_large=*/true);
  EXPECT_TRUE(preflight.GetBefore().known);
  ASSERT_TRUE(preflight.Refusal());
  EXPECT_THAT(preflight.Refusal()->status,
              HasReason(Reason::kPermissionDenied));
}

TEST_F(PreflightTest, WhatIsAskedOnThePoolIsAskedOnce) {
  WorkerPool pool(1, 4);
  lakefs_.stats.emplace_back(ObjectStats{.physical_address = "A"});
  Preflight preflight(context_, lakefs_, pool, request_);
  preflight.Ask(/*is_large=*/true);
  const Before& before = preflight.GetBefore();
  EXPECT_TRUE(before.known);
  EXPECT_EQ(before.object->physical_address, "A");
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "repository"));
}

TEST_F(PreflightTest, APoolThatIsBusyIsNotWaitedFor) {
  absl::Notification go;
  WorkerPool pool(1, 4);
  ASSERT_TRUE(pool.TryRun([&go] { go.WaitForNotification(); }));
  lakefs_.stats.emplace_back(std::nullopt);
  {
    Preflight preflight(context_, lakefs_, pool, request_);
    preflight.Ask(/*is_large=*/true);
    EXPECT_FALSE(preflight.Refusal().has_value()) << "it does not block";
    EXPECT_TRUE(preflight.GetBefore().known);
    EXPECT_FALSE(preflight.GetBefore().object.has_value());
  }
  go.Notify();
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "branch", "repository"));
}

TEST_F(PreflightTest, AMissingBranchIsTold) {
  WorkerPool pool(0, 0);
  lakefs_.stats.emplace_back(std::nullopt);
  lakefs_.branch =
      MakeError(absl::StatusCode::kNotFound, "no branch", Reason::kNotFound);
  Preflight preflight(context_, lakefs_, pool, request_);
  preflight.Ask(/*is_large=*/true);
  EXPECT_THAT(preflight.Refusal()->status, HasReason(Reason::kNotFound));
}

TEST_F(PreflightTest, AReadOnlyRepositoryIsTold) {
  lakefs_.read_only = true;
  lakefs_.stats.emplace_back(std::nullopt);
  const auto refusal = RefusalOf(request_, /*is_large=*/true);
  ASSERT_TRUE(refusal);
  EXPECT_THAT(refusal->status, HasReason(Reason::kPermissionDenied));

  UploadRequest forced = request_;
  forced.force = true;
  lakefs_.stats.emplace_back(std::nullopt);
  EXPECT_FALSE(RefusalOf(forced, /*is_large=*/true));
  lakefs_.stats.emplace_back(std::nullopt);
  EXPECT_FALSE(RefusalOf(request_, /*is_large=*/false))
      << "a small object asks as much as it costs";
}

TEST_F(PreflightTest, WhatMayNotBeAskedIsNoHindrance) {
  const absl::Status no = MakeError(absl::StatusCode::kPermissionDenied, "no",
                                    Reason::kPermissionDenied);
  lakefs_.read_only = no;
  lakefs_.branch = no;
  lakefs_.stats.emplace_back(std::nullopt);
  EXPECT_FALSE(RefusalOf(request_, /*is_large=*/true));
  lakefs_.stats.emplace_back(no);
  EXPECT_FALSE(RefusalOf(request_, /*is_large=*/true));
}

class BusyPreflightTest : public PreflightTest {
 protected:
  void Busy() {
    lakefs_.stats.emplace_back(MakeError(absl::StatusCode::kUnavailable, "busy",
                                         Reason::kUpstreamUnavailable));
  }
  WorkerPool pool_{0, 0};
  FakeClock time_;
  CallContext call_{time_, time_.Now() + seconds(30), "test"};
  RetryBudget budget_{{}, time_};
  std::mt19937_64 random_{1};
};

TEST_F(BusyPreflightTest, WhoIsAboutToLinkAsksAgain) {
  for (int i = 0; i < 3; ++i) Busy();
  lakefs_.stats.emplace_back(ObjectStats{.physical_address = "A"});
  Preflight preflight(call_, lakefs_, pool_, request_);
  preflight.Ask(/*is_large=*/false);
  EXPECT_FALSE(preflight.GetBefore().known);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat")) << "the pool does not wait";
  EXPECT_FALSE(preflight.Refusal());
  const Before& before = preflight.GetBefore(call_, budget_, random_);
  EXPECT_TRUE(before.known);
  EXPECT_EQ(before.object->physical_address, "A");
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "stat", "stat", "stat"));
  EXPECT_GT(time_.Elapsed(), Duration::zero());
}

TEST_F(BusyPreflightTest, OnlyAFewTimesAndNotPastTheCall) {
  for (int i = 0; i < 20; ++i) Busy();
  Preflight preflight(call_, lakefs_, pool_, request_);
  preflight.Ask(/*is_large=*/false);
  EXPECT_FALSE(preflight.GetBefore(call_, budget_, random_).known);
  EXPECT_EQ(lakefs_.calls.size(), 7U);
  lakefs_.calls.clear();
  call_.Cancel();
  EXPECT_FALSE(preflight.GetBefore(call_, budget_, random_).known);
  EXPECT_EQ(lakefs_.calls.size(), 1U);
}

TEST_F(BusyPreflightTest, ARefusalIsNotAskedAgain) {
  lakefs_.stats.emplace_back(MakeError(absl::StatusCode::kPermissionDenied,
                                       "no", Reason::kPermissionDenied));
  Preflight preflight(call_, lakefs_, pool_, request_);
  preflight.Ask(/*is_large=*/false);
  EXPECT_FALSE(preflight.GetBefore(call_, budget_, random_).known);
  EXPECT_FALSE(preflight.Refusal()) << "writing may be allowed all the same";
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

class SwapPreflightTest : public PreflightTest {
 protected:
  LinkReport RefusalOver(const std::optional<ObjectStats>& stands) {
    lakefs_.calls.clear();
    lakefs_.stats.emplace_back(stands);
    return RefusalOf(request_, /*is_large=*/false).value_or(LinkReport{});
  }
  UploadRequest request_{.object = {"repo", "main", "o"}, .if_match = "x"};
};

TEST_F(SwapPreflightTest, WhatIsExpectedIsNoHindrance) {
  lakefs_.stats.emplace_back(ObjectStats{.checksum = "x"});
  EXPECT_FALSE(RefusalOf(request_, /*is_large=*/false));
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
}

TEST_F(SwapPreflightTest, AnotherObjectOrNoneIsARefusal) {
  LinkReport refusal = RefusalOver(ObjectStats{.checksum = "y"});
  EXPECT_THAT(refusal.status, HasReason(Reason::kObjectChanged));
  EXPECT_EQ(refusal.outcome, Outcome::kNotCommitted);
  ASSERT_TRUE(refusal.object);
  EXPECT_EQ(refusal.object->checksum, "y");
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat"));
  refusal = RefusalOver(std::nullopt);
  EXPECT_THAT(refusal.status, HasReason(Reason::kObjectChanged));
  EXPECT_EQ(refusal.outcome, Outcome::kNotCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("stat", "branch"));
}

TEST_F(SwapPreflightTest, AMissingBranchIsNoObjectThatChanged) {
  lakefs_.branch =
      MakeError(absl::StatusCode::kNotFound, "no branch", Reason::kNotFound);
  EXPECT_THAT(RefusalOver(std::nullopt).status, HasReason(Reason::kNotFound));
}

// Its object may have stood there, and been replaced.
TEST_F(SwapPreflightTest, WhatAnEarlierCallMayHaveDoneIsNotDenied) {
  const ObjectStats other{.checksum = "y"};
  const ObjectStats in_its_place{.checksum = "y",
                                 .user_metadata = {{kReplacesKey, "x"}}};
  request_.request_id = "r";
  EXPECT_EQ(RefusalOver(other).outcome, Outcome::kUnknown);
  EXPECT_EQ(RefusalOver(std::nullopt).outcome, Outcome::kUnknown);
  EXPECT_EQ(RefusalOver(in_its_place).outcome, Outcome::kNotCommitted);
  request_.attempt = 1;
  EXPECT_EQ(RefusalOver(other).outcome, Outcome::kNotCommitted);
  request_.attempt = 2;
  EXPECT_EQ(RefusalOver(other).outcome, Outcome::kUnknown);
}

}  // namespace
}  // namespace lakefs::gateway::testing
