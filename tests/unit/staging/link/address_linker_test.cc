#include "gateway/staging/link/address_linker.h"

#include <gmock/gmock.h>

#include <random>

#include "gateway/staging/link/request_mark.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class AddressLinkerTest : public ::testing::Test {
 protected:
  absl::Status Link(const std::string& address,
                    const LinkableAddresses& linkable = {},
                    bool if_absent = false) {
    AddressLinker linker(server_info_, link_loop_, linkable);
    lakefs_.links = {{.stats = ObjectStats{.physical_address = address}}};
    const CallContext context(clock_, clock_.Now() + seconds(60), "test");
    return linker
        .Link(context, {"repo", "main", "p"},
              {.staging = {.physical_address = address}},
              {.if_absent = if_absent}, random_)
        .status;
  }

  FakeClock clock_;
  std::mt19937_64 random_{1};
  FakeLakefs lakefs_;
  RetryBudget budget_{{}, clock_};
  LinkGate gate_;
  ServerInfo server_info_{lakefs_, budget_};
  LinkLoop link_loop_{lakefs_, budget_, gate_};
};

TEST_F(AddressLinkerTest, OnlyWhatLiesUnderTheNamespaceIsLinked) {
  EXPECT_TRUE(Link("s3://bucket/repo/data/x").ok());
  lakefs_.calls.clear();
  for (const char* address :
       {"s3://bucket/repository/data/x", "s3://bucket/other/x",
        "s3://bucket/repo", "s3://bucket/repo/../other/x", "repo/data/x"}) {
    EXPECT_THAT(Link(address), HasReason(Reason::kInvalidRequest)) << address;
  }
  EXPECT_THAT(lakefs_.calls, Not(::testing::Contains(HasSubstr("link"))));
  EXPECT_TRUE(Link("s3://bucket/other/x", {.any = true}).ok());
}

TEST_F(AddressLinkerTest, ACreateIsLookedAfterWhereItMayBeSkipped) {
  lakefs_.config.version = "1.21.0";
  lakefs_.stats.push_back(ObjectStats{.physical_address = "another"});
  EXPECT_THAT(Link("s3://bucket/repo/data/x", {}, /*if_absent=*/true),
              HasReason(Reason::kObjectExists));
}

TEST_F(AddressLinkerTest, ALocalStoresAddressesBeginWithItsFolder) {
  lakefs_.storage_namespace = "local://lake";
  const std::string given_out = "local:///srv/lakefs/lake/data/x";
  EXPECT_THAT(std::string(Link(given_out).message()),
              HasSubstr("by --local-store"));
  const LinkableAddresses local{.local_roots = {"/srv/nfs", "/srv/lakefs"}};
  EXPECT_TRUE(Link(given_out, local).ok());
  EXPECT_TRUE(Link("local://lake/data/x", local).ok());
  for (const char* address :
       {"local:///srv/lakefs/other/data/x", "local:///srv/lakefs/lake",
        "local:///srv/lakefs/lake/../other/x", "local:///srv/other/lake/x"}) {
    const absl::Status status = Link(address, local);
    EXPECT_THAT(status, HasReason(Reason::kInvalidRequest)) << address;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("--local-store")));
  }
}

// Source: lakeFS takes a namespace for a URL, and makes addresses of its host
// and decoded path (ResolveNamespace of its block package).
TEST_F(AddressLinkerTest, AnEncodedNamespaceMeansWhatItsAddressesSay) {
  lakefs_.storage_namespace = "s3://bucket/my%20repo";
  for (const char* address :
       {"s3://bucket/my repo/data/x", "s3://bucket/my%20repo/data/x"}) {
    EXPECT_THAT(Link(address), IsOk()) << address;
  }
  EXPECT_THAT(Link("s3://bucket/my+repo/data/x"),
              HasReason(Reason::kInvalidRequest));
  lakefs_.storage_namespace = "local://my%20lake";
  EXPECT_THAT(Link("local:///srv/my lake/data/x", {.local_roots = {"/srv"}}),
              IsOk());
}

TEST_F(AddressLinkerTest, TheNamespaceIsAskedForOnce) {
  AddressLinker linker(server_info_, link_loop_);
  const CallContext context(clock_, clock_.Now() + seconds(60), "test");
  for (int i = 0; i < 2; ++i) {
    lakefs_.links = {{.stats = ObjectStats{}}};
    EXPECT_TRUE(
        linker
            .Link(context, {"repo", "main", "p"},
                  {.staging = {.physical_address = "s3://bucket/repo/data/x"}},
                  {}, random_)
            .status.ok());
  }
  EXPECT_THAT(lakefs_.calls,
              ElementsAre("repository", "link s3://bucket/repo/data/x",
                          "link s3://bucket/repo/data/x"));
}

TEST_F(AddressLinkerTest, WhatTheServerWouldNotHeedIsRefused) {
  AddressLinker linker(server_info_, link_loop_);
  const CallContext context(clock_, clock_.Now() + seconds(60), "test");
  lakefs_.config.version = "1.11.0";
  const std::string address = "s3://bucket/repo/data/x";
  const auto link = [&](std::optional<WallTime> mtime, bool if_absent) {
    return linker
        .Link(context, {"repo", "main", "p"},
              {.staging = {.physical_address = address}, .mtime = mtime},
              {.if_absent = if_absent}, random_)
        .status;
  };
  const WallTime mtime(seconds(7));
  EXPECT_THAT(link(mtime, false), HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(link({}, true), HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(lakefs_.calls, Not(::testing::Contains(HasSubstr("link"))));
  lakefs_.links = {{.stats = ObjectStats{}}};
  EXPECT_THAT(link({}, false), IsOk());
}

class AddressSwapTest : public AddressLinkerTest {
 protected:
  AddressSwapTest() { lakefs_.config.version = "1.84.0"; }
  LinkReport Swap(const std::optional<ObjectStats>& stands) {
    AddressLinker linker(server_info_, link_loop_, {.any = true});
    lakefs_.calls.clear();
    lakefs_.stats.push_front(stands);
    const CallContext context(clock_, clock_.Now() + seconds(60), "test");
    return linker.Link(
        context, {"repo", "main", "p"},
        {.staging = {.physical_address = address_}, .checksum = "a"},
        {.if_match = "x"}, random_);
  }
  const std::string address_ = "s3://b/data/A," + std::string(43, 's');
};

TEST_F(AddressSwapTest, WhatIsExpectedIsLinkedOverAndMarked) {
  lakefs_.links = {{.stats = ObjectStats{}}};
  EXPECT_EQ(Swap(ObjectStats{.checksum = "x"}).outcome, Outcome::kCommitted);
  EXPECT_THAT(lakefs_.calls, ElementsAre("config", "stat",
                                         "link " + address_ + " if-match x"));
  EXPECT_EQ(lakefs_.linked[0].user_metadata,
            (UserMetadata{{kReplacesKey, "x"}}));
}

TEST_F(AddressSwapTest, AnotherObjectOrNoneIsRefusedUnlinked) {
  for (const auto& stands : {std::optional(ObjectStats{.checksum = "y"}),
                             std::optional<ObjectStats>()}) {
    const LinkReport report = Swap(stands);
    EXPECT_THAT(report.status, StatusIs(absl::StatusCode::kAborted));
    EXPECT_THAT(report.status, HasReason(Reason::kObjectChanged));
    EXPECT_EQ(report.outcome, Outcome::kNotCommitted);
    EXPECT_EQ(report.object, stands);
    EXPECT_TRUE(lakefs_.linked.empty());
  }
}

TEST_F(AddressSwapTest, WhatStandsThereByAnEarlierCallIsProven) {
  const ObjectStats ours{.physical_address = address_, .checksum = "a"};
  lakefs_.links = {{.stats = ours}};
  EXPECT_EQ(Swap(ours).outcome, Outcome::kCommitted);
  EXPECT_EQ(lakefs_.calls.back(), "link " + address_ + " if-match a");
}

TEST_F(AddressSwapTest, WhoMayNotReadMayLinkAllTheSame) {
  lakefs_.links = {{.stats = ObjectStats{}}};
  lakefs_.on_call = [this](const std::string& line) {
    if (line == "stat") {
      lakefs_.stats.front() = MakeError(absl::StatusCode::kPermissionDenied,
                                        "no", Reason::kPermissionDenied);
    }
  };
  EXPECT_EQ(Swap(std::nullopt).outcome, Outcome::kCommitted);
}

TEST_F(AddressSwapTest, AServerThatWouldOverwriteIsNotAsked) {
  lakefs_.config.version = "1.70.0";
  EXPECT_THAT(Swap(ObjectStats{.checksum = "x"}).status,
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_TRUE(lakefs_.linked.empty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
