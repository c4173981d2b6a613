#include "gateway/staging/transfer/store_proof.h"

#include <gmock/gmock.h>

#include <random>
#include <thread>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kSettings[] = "--s3-endpoint";

class StoreProofTest : public ::testing::Test {
 protected:
  absl::Status Check(const std::string& address = "s3://b/repo/data/a/o") {
    return proof_.Check(context_, object_, {.physical_address = address},
                        store_, kSettings, random_);
  }
  // What lakeFS answers to one proof that comes to its reading.
  void Script(absl::StatusOr<bool> read) {
    lakefs_.addresses.push_back(
        StagingLocation{.physical_address = "s3://b/repo/data/a/probe"});
    lakefs_.links.push_back({.stats = ObjectStats{}});
    lakefs_.reads.push_back(std::move(read));
  }
  static absl::Status Denied() {
    return MakeError(absl::StatusCode::kPermissionDenied,
                     "insufficient permissions", Reason::kPermissionDenied);
  }
  static absl::Status Lost() {
    return MakeError(absl::StatusCode::kUnavailable, "reset",
                     Reason::kUpstreamConnectionLost);
  }

  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + hours(9), "test"};
  FakeLakefs lakefs_;
  FakeStore store_;
  RetryBudget budget_{{}, clock_};
  StoreProof proof_{lakefs_, budget_, budget_};
  std::mt19937_64 random_{1};
  const ObjectPath object_{"repo", "main", "folder/o"};
};

TEST_F(StoreProofTest, AProbeIsPutLinkedReadAndTakenAway) {
  Script(true);
  EXPECT_THAT(Check(), IsOk());
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("address", "delete", "link s3://b/repo/data/a/probe",
                          "read", "delete"));
  EXPECT_EQ(store_.put_at, "s3://b/repo/data/a/probe");
  EXPECT_EQ(lakefs_.linked[0].size_bytes, 16);
}

TEST_F(StoreProofTest, AProofHoldsForItsNamespaceAndForAnHour) {
  Script(true);
  EXPECT_THAT(Check(), IsOk());
  lakefs_.calls.clear();
  clock_.Advance(minutes(59));
  EXPECT_THAT(Check("s3://b/repo/data/b/other"), IsOk());
  EXPECT_THAT(lakefs_.calls, IsEmpty());
  Script(true);
  EXPECT_THAT(Check("s3://b/other/data/a/o"), IsOk());
  EXPECT_EQ(lakefs_.calls.size(), 5U) << "another namespace";
  clock_.Advance(minutes(2));
  Script(true);
  EXPECT_THAT(Check(), IsOk());
  EXPECT_EQ(lakefs_.calls.size(), 10U) << "an hour later";
}

TEST_F(StoreProofTest, AStoreThatLakefsDoesNotReadIsRefusedByItsSetting) {
  const absl::Status missing =
      MakeError(absl::StatusCode::kNotFound, "no such key", Reason::kNotFound);
  for (const absl::StatusOr<bool>& read :
       {absl::StatusOr<bool>(false), absl::StatusOr<bool>(missing)}) {
    lakefs_.calls.clear();
    Script(read);
    const absl::Status status = Check();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(status, HasReason(Reason::kStoreRejected));
    EXPECT_THAT(std::string(status.message()),
                AllOf(HasSubstr(kSettings), HasSubstr("nothing was linked")));
    EXPECT_EQ(lakefs_.calls.back(), "delete") << "the probe is left";
  }
  Script(true);
  EXPECT_THAT(Check(), IsOk()) << "settings and stores are mended";
}

TEST_F(StoreProofTest, WhoMayNotTakeTheProbeAwayGetsNoneLinked) {
  lakefs_.addresses.push_back(StagingLocation{.physical_address = "s3://b/p"});
  lakefs_.deletes = {Denied()};
  const absl::Status status = Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fs:DeleteObject"));
  EXPECT_TRUE(lakefs_.linked.empty());
}

TEST_F(StoreProofTest, WhoMayNotReadIsToldSoAndTheProbeIsTakenAway) {
  Script(Denied());
  const absl::Status status = Check();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(std::string(status.message()), HasSubstr("fs:ReadObject"));
  EXPECT_EQ(lakefs_.calls.back(), "delete");
  Script(true);
  EXPECT_THAT(Check(), IsOk()) << "another caller may";
}

TEST_F(StoreProofTest, ALinkWhoseAnswerWasLostIsTakenAwayToo) {
  Script(true);
  lakefs_.links.clear();
  for (int i = 0; i < 6; ++i) lakefs_.links.push_back({.stats = Lost()});
  EXPECT_THAT(Check(), IsOk()) << "it was read all the same";
  EXPECT_EQ(lakefs_.calls.back(), "delete");
}

TEST_F(StoreProofTest, TheProbeIsTakenAwayAlsoWhenTheCallIsOver) {
  Script(Lost());
  lakefs_.on_call = [this](const std::string& call) {
    if (call == "read") context_.Cancel();
  };
  EXPECT_FALSE(Check().ok());
  EXPECT_EQ(lakefs_.calls.back(), "delete");
}

TEST_F(StoreProofTest, ALinkThatWasRefusedLeavesNothingToTakeAway) {
  lakefs_.addresses.push_back(StagingLocation{.physical_address = "s3://b/p"});
  lakefs_.links.push_back({.stats = Denied()});
  EXPECT_THAT(Check(), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(lakefs_.calls, ElementsAre("address", "delete", "link s3://b/p"));
}

TEST_F(StoreProofTest, ManyUploadsWaitForOneProof) {
  Script(true);
  absl::Notification begun;
  absl::Notification go_on;
  lakefs_.on_call = [&](const std::string& call) {
    if (call != "read") return;
    begun.Notify();
    EXPECT_TRUE(go_on.WaitForNotificationWithTimeout(absl::Seconds(30)));
  };
  RealClock clock;
  const CallContext context(clock, clock.Now() + seconds(60), "test");
  const auto check = [&] {
    std::mt19937_64 random{1};
    EXPECT_THAT(proof_.Check(context, object_,
                             {.physical_address = "s3://b/repo/data/a/o"},
                             store_, kSettings, random),
                IsOk());
  };
  std::jthread first(check);
  ASSERT_TRUE(begun.WaitForNotificationWithTimeout(absl::Seconds(30)));
  std::vector<std::jthread> others;
  for (int i = 0; i < 8; ++i) others.emplace_back(check);
  go_on.Notify();
  others.clear();
  first.join();
  EXPECT_EQ(lakefs_.calls.size(), 5U);
}

TEST_F(StoreProofTest, TheProbeStandsBesideTheObjectAndFitsItsPath) {
  const std::string deep(1'000, 'd');
  const std::pair<std::string, std::string> places[] = {
      {"folder/o", "folder/"}, {"o", ""}, {"a/" + deep + "/o", "a/"}};
  for (const auto& [path, folder] : places) {
    const ObjectPath probe = ProbeBeside({"repo", "main", path}, "0123");
    EXPECT_EQ(probe.path, folder + ".lakefs-staging-gateway-proof-0123");
    EXPECT_EQ(probe.branch, "main");
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
