// Holds a lakeFS to the table of staging_cases.h: the emulator, or, with
// LAKEFS_ENDPOINT (and LAKEFS_REPOSITORY, whose branch "main" is written to), a
// real server of v1.84 that presigns, on a store like S3.
#include <gtest/gtest.h>
#include <unistd.h>

#include <ctime>

#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"

namespace lakefs::gateway::testing {
namespace {

class ConformanceTest : public ::testing::TestWithParam<StagingCase> {};

TEST_P(ConformanceTest, Holds) {
  const auto lakefs = LakefsUnderTest::New();
  // A real server's repository may be used again.
  StagingClient client(*lakefs, absl::StrCat("conformance-", time(nullptr), "-",
                                             getpid(), "/", GetParam().name));
  EXPECT_EQ(GetParam().act(client), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Staging, ConformanceTest,
                         ::testing::ValuesIn(StagingCases()),
                         [](const auto& info) { return info.param.name; });

// A server that does not implement If-Match says so by 501.
class IfMatchTest : public ::testing::TestWithParam<StagingCase> {};

TEST_P(IfMatchTest, Holds) {
  const auto lakefs = LakefsUnderTest::New({.if_match = true});
  StagingClient client(*lakefs, absl::StrCat("if-match-", time(nullptr), "-",
                                             getpid(), "/", GetParam().name));
  const ObjectPath probe = client.At("probe");
  const auto probed = client.Link(probe, client.Stage(probe).value(),
                                  {.if_match = kMd5OfBytes});
  if (lakefs->is_real() && Said(probed) == "UPSTREAM_UNIMPLEMENTED") {
    GTEST_SKIP() << "the server does not implement If-Match";
  }
  EXPECT_EQ(GetParam().act(client), GetParam().expected);
}

INSTANTIATE_TEST_SUITE_P(Staging, IfMatchTest,
                         ::testing::ValuesIn(IfMatchCases()),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lakefs::gateway::testing
