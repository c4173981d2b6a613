#include "gateway/staging/server_info.h"

#include <gmock/gmock.h>

#include <random>

#include "gateway/base/error.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ServerInfoTest : public ::testing::Test {
 protected:
  ServerInfoTest() {
    lakefs_.stores = {{.blockstore_type = "s3", .blockstore_id = "eu"},
                      {.blockstore_type = "azure", .blockstore_id = "az"}};
    lakefs_.storage_id = "az";
  }

  absl::StatusOr<ServerConfig> Get(
      ServerInfo::Age age = ServerInfo::Age::kLately,
      std::string authorization = "") {
    const CallContext context(
        clock_, clock_.Now() + seconds(60),
        {.call_id = "test", .authorization = std::move(authorization)});
    return info_.Get(context, "repo", random_, age);
  }
  std::string TypeOf(const absl::StatusOr<ServerConfig>& config) {
    return config.ok() ? config->blockstore_type : config.status().ToString();
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  FakeLakefs lakefs_;
  RetryBudget budget_{{}, clock_};
  ServerInfo info_{lakefs_, budget_};
};

TEST_F(ServerInfoTest, OfSeveralStoresTheRepositorysOwnIsToldOf) {
  EXPECT_EQ(TypeOf(Get()), "azure");
  EXPECT_EQ(TypeOf(Get()), "azure");
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "repository"));
}

TEST_F(ServerInfoTest, OfOneStoreNoRepositoryIsAskedFor) {
  lakefs_.stores.pop_back();  // listed, and no usual one
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kNow)), "s3");
  lakefs_.stores.clear();
  lakefs_.config.blockstore_type = "gs";
  clock_.Advance(seconds(301));
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kNow)), "gs");
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "config"));
}

TEST_F(ServerInfoTest, ARepositoryIsAskedForEveryMinuteAndWhenAsked) {
  EXPECT_EQ(TypeOf(Get()), "azure");
  lakefs_.storage_id = "eu";
  clock_.Advance(seconds(59));
  EXPECT_EQ(TypeOf(Get()), "azure");
  clock_.Advance(seconds(1));
  EXPECT_EQ(TypeOf(Get()), "s3");
  lakefs_.storage_id = "az";
  EXPECT_EQ(TypeOf(Get()), "s3");
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kNow)), "azure");
  EXPECT_EQ(TypeOf(Get()), "azure");
}

TEST_F(ServerInfoTest, WhatACallerLearnsByItsOwnRightsIsNotToldToOthers) {
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kLately, "Bearer a")), "azure");
  EXPECT_EQ(TypeOf(Get()), "azure");
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kLately, "Bearer b")), "azure");
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("config", "repository", "repository", "repository"));
}

TEST_F(ServerInfoTest, AStoreThatHasComeSinceIsFound) {
  EXPECT_EQ(TypeOf(Get()), "azure");
  lakefs_.stores.push_back({.blockstore_type = "gs", .blockstore_id = "new"});
  lakefs_.storage_id = "new";
  EXPECT_EQ(TypeOf(Get(ServerInfo::Age::kNow)), "gs");
}

TEST_F(ServerInfoTest, AStoreThatIsNotListedIsNamed) {
  lakefs_.storage_id = "gone";
  EXPECT_THAT(Get(), HasReason(Reason::kUpstreamRejected));
  EXPECT_THAT(Get().status().ToString(), HasSubstr("the store \"gone\""));
}

TEST_F(ServerInfoTest, AStoreWithoutANameIsTheUsualOne) {
  lakefs_.storage_id = "";
  EXPECT_THAT(Get(), HasReason(Reason::kUpstreamRejected));
  lakefs_.stores.push_back({.blockstore_type = "gs"});
  EXPECT_EQ(TypeOf(Get()), "gs");
}

TEST_F(ServerInfoTest, WhoMayNotReadTheRepositoryIsToldWhyHeHasTo) {
  lakefs_.read_only = MakeError(absl::StatusCode::kPermissionDenied, "no",
                                Reason::kPermissionDenied);
  EXPECT_THAT(Get(), HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(Get().status().ToString(), HasSubstr("fs:ReadRepository"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
