// The conditional write while a branch is committed in a loop. lakeFS answers a
// part of such writes with a false 412 and drops a part of them; callers of the
// gateway must see neither, whether the address can be linked again or not.
//
// With LAKEFS_ENDPOINT (and LAKEFS_REPOSITORY, whose branch "main" is written
// to) the same runs against a real server, once.
#include <gtest/gtest.h>

#include <atomic>

#include "absl/strings/str_cat.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/lakefs_under_test.h"
#include "tests/testing/upload_call.h"
#include "tests/testing/while_committing.h"

namespace lakefs::gateway::testing {
namespace {

constexpr int kCallers = 8;

struct Way {
  const char* name;
  EmulatorOptions options;
};

class RaceTest : public ::testing::Test {
 protected:
  explicit RaceTest(const EmulatorOptions& options = {})
      : lakefs_(LakefsUnderTest::New(options)), gateway_(lakefs_->endpoint()) {}

  // Runs `caller` in kCallers threads.
  static void Together(const std::function<void(int)>& caller) {
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) callers.emplace_back(caller, i);
    for (std::thread& thread : callers) thread.join();
  }

  // The same while the branch is committed.
  void WhileCommitting(const std::function<void(int)>& caller) {
    commits_ = testing::WhileCommitting(*lakefs_, kCallers, caller);
  }

  CallEnd Create(::lakefs::staging::v1::Staging::Stub& stub,
                 const std::string& path, const std::string& data) {
    auto header = HeaderFor(path, /*if_absent=*/true);
    header.mutable_object()->set_repository(lakefs_->repository());
    return UploadUnary(stub, header, data);
  }

  const std::unique_ptr<LakefsUnderTest> lakefs_;
  GatewayProcess gateway_;
  int commits_ = 0;
  // A real server's repository may be used again.
  const std::string run_ = absl::StrCat("race-", getpid(), "-", time(nullptr));
};

// Ways on which a write is proven: by a link, and by the commit.
const Way kWays[] = {
    {"Presigned", {}},
    {"ThroughLakefs", {.presign = false}},
    {"SingleUse", {.dialect = Dialect::kV1_21}},
    {"SingleUseThroughLakefs", {.dialect = Dialect::kV1_21, .presign = false}},
};

class WaysTest : public RaceTest, public ::testing::WithParamInterface<Way> {
 protected:
  WaysTest() : RaceTest(GetParam().options) {}
};
INSTANTIATE_TEST_SUITE_P(Ways, WaysTest, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return way.param.name; });

TEST_P(WaysTest, EveryConditionalWriteUnderCommitsIsLinkedAndStays) {
  if (lakefs_->is_real() && GetParam().name != std::string("Presigned")) {
    GTEST_SKIP() << "a real server has the way that it has";
  }
  constexpr int kObjects = 1600;
  std::atomic<int> next = 0;
  std::atomic<int> committed = 0;
  WhileCommitting([&](int) {
    auto stub = gateway_.NewStub();
    for (int i = next++; i < kObjects; i = next++) {
      const std::string path = absl::StrCat(run_, "/", i);
      const CallEnd end = Create(*stub, path, path);
      EXPECT_TRUE(end.status.ok())
          << path << ": " << end.reason << " " << end.status.error_message();
      committed +=
          end.result.outcome() == ::lakefs::staging::v1::OUTCOME_COMMITTED;
    }
  });
  EXPECT_EQ(committed, kObjects);
  int lost = 0;
  for (int i = 0; i < kObjects; ++i) {
    const std::string path = absl::StrCat(run_, "/", i);
    lost += lakefs_->Read(path) != path;
  }
  EXPECT_EQ(lost, 0) << "reported as committed, but not to be read";
  EXPECT_GT(commits_, 10) << "the race was none";
  RecordProperty("commits", commits_);
}

TEST_F(RaceTest, EachPathHasExactlyOneWinnerAndItsBytesStay) {
  constexpr int kPaths = 100;
  std::vector<std::atomic<int>> winners(kPaths);
  std::vector<std::atomic<int>> winner(kPaths);
  WhileCommitting([&](int caller) {
    auto stub = gateway_.NewStub();
    for (int i = 0; i < kPaths; ++i) {
      const CallEnd end = Create(*stub, absl::StrCat(run_, "/same-", i),
                                 absl::StrCat("caller ", caller));
      if (end.status.ok()) {
        ++winners[i];
        winner[i] = caller;
      } else {
        EXPECT_EQ(end.reason, "OBJECT_EXISTS") << end.status.error_message();
      }
    }
  });
  for (int i = 0; i < kPaths; ++i) {
    EXPECT_EQ(winners[i], 1) << i;
    EXPECT_EQ(lakefs_->Read(absl::StrCat(run_, "/same-", i)),
              absl::StrCat("caller ", winner[i].load()));
  }
}

// v1.21 answers 200 to creates that it skips.
class SkippedCreatesTest : public RaceTest,
                           public ::testing::WithParamInterface<bool> {
 protected:
  SkippedCreatesTest()
      : RaceTest({.dialect = Dialect::kV1_21, .presign = GetParam()}) {}
};
INSTANTIATE_TEST_SUITE_P(Ways, SkippedCreatesTest, ::testing::Bool(),
                         [](const auto& way) {
                           return way.param ? "Presigned" : "ThroughLakefs";
                         });

TEST_P(SkippedCreatesTest, AreToldToNobodyAsWon) {
  constexpr int kPaths = 100;
  std::vector<std::atomic<int>> winners(kPaths);
  std::atomic<int> unknown = 0;
  Together([&](int caller) {
    auto stub = gateway_.NewStub();
    for (int i = 0; i < kPaths; ++i) {
      const CallEnd end = Create(*stub, absl::StrCat(run_, "/once-", i),
                                 absl::StrCat("caller ", caller));
      winners[i] += end.status.ok();
      if (end.status.ok()) continue;
      EXPECT_EQ(end.reason, "OBJECT_EXISTS") << end.status.error_message();
      unknown +=
          end.failure->outcome() == ::lakefs::staging::v1::OUTCOME_UNKNOWN;
    }
  });
  for (int i = 0; i < kPaths; ++i) EXPECT_EQ(winners[i], 1) << i;
  RecordProperty("unknown", unknown);
}

}  // namespace
}  // namespace lakefs::gateway::testing
