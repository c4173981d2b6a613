// Compare and swap while a branch is committed in a loop, on a server that
// implements If-Match by the write path of lakeFS: it refuses a part of such
// writes falsely, and drops a part of them, some of which had been built upon.
// What callers are told must be so all the same.
//
// With LAKEFS_ENDPOINT the same runs against a real server that implements
// If-Match, once.
#include <gtest/gtest.h>

#include <atomic>
#include <iostream>
#include <map>
#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/link/request_mark.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/lakefs_reader.h"
#include "tests/testing/lakefs_under_test.h"
#include "tests/testing/upload_call.h"
#include "tests/testing/while_committing.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

constexpr int kCallers = 8;
constexpr int kSwapsEach = 200;

// Each object names itself, what it was made from, and how many went before.
constexpr char kId[] = "id";
constexpr char kFrom[] = "from";
constexpr char kCount[] = "count";
constexpr char kSeed[] = "seed";

struct Way {
  const char* name;
  EmulatorOptions options;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

const Way kWays[] = {
    {"Presigned", {.if_match = true}},
    {"ThroughLakefs", {.presign = false, .if_match = true}},
};

class SwapRaceTest : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    if (!lakefs_->is_real()) return;
    if (GetParam().name != std::string("Presigned")) {
      GTEST_SKIP() << "a real server has the way that it has";
    }
    auto stub = gateway_.NewStub();
    Put(*stub, PathOf("probe"), "a");
    const auto stats = StatBy(*NewReader(), PathOf("probe"));
    const CallEnd end = Put(*stub, PathOf("probe"), "b", &stats);
    if (end.status.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      GTEST_SKIP() << "the server does not implement If-Match";
    }
  }

  // Uploads the object `id`, over `replaced` unless that is null.
  CallEnd Put(pb::Staging::Stub& stub, const std::string& path,
              const std::string& id, const ObjectStats* replaced = nullptr) {
    pb::UploadHeader header = HeaderFor(path);
    header.mutable_object()->set_repository(lakefs_->repository());
    auto& metadata = *header.mutable_user_metadata();
    metadata[kId] = id;
    metadata[kCount] = "0";
    if (replaced != nullptr) {
      header.set_if_match(replaced->checksum);
      metadata[kFrom] = replaced->user_metadata.at(kId);
      metadata[kCount] =
          absl::StrCat(std::stoi(replaced->user_metadata.at(kCount)) + 1);
    }
    return UploadUnary(stub, header, id);
  }

  std::unique_ptr<LakefsReader> NewReader() const {
    return std::make_unique<LakefsReader>(
        lakefs_->endpoint(), lakefs_->repository(), lakefs_->is_real());
  }
  static ObjectStats StatBy(LakefsReader& reader, const std::string& path) {
    const auto stats = reader.Stat(path);
    EXPECT_TRUE(stats) << path;
    return stats.value_or(ObjectStats{});
  }
  std::string PathOf(const std::string& name) const {
    return absl::StrCat(run_, "/", name);
  }

  const std::unique_ptr<LakefsUnderTest> lakefs_ =
      LakefsUnderTest::New(GetParam().options);
  GatewayProcess gateway_{lakefs_->endpoint()};
  // A real server's repository may be used again.
  const std::string run_ = absl::StrCat("swap-", getpid(), "-", time(nullptr));
};

INSTANTIATE_TEST_SUITE_P(Ways, SwapRaceTest, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return way.param.name; });

TEST_P(SwapRaceTest, EverySwapThatNobodyCompetesWithIsCommittedAndStays) {
  std::atomic<int> committed = 0;
  const int commits = WhileCommitting(*lakefs_, kCallers, [&](int caller) {
    auto stub = gateway_.NewStub();
    const auto reader = NewReader();
    const std::string path = PathOf(absl::StrCat("own-", caller));
    EXPECT_TRUE(Put(*stub, path, absl::StrCat(kSeed, caller)).status.ok());
    ObjectStats last = StatBy(*reader, path);
    for (int n = 0; n < kSwapsEach; ++n) {
      const CallEnd end = Put(*stub, path, absl::StrCat(caller, ".", n), &last);
      ASSERT_TRUE(end.status.ok())
          << path << ": " << end.reason << " " << end.status.error_message();
      committed += end.result.outcome() == pb::OUTCOME_COMMITTED;
      last.checksum = end.result.object().checksum();
      last.user_metadata = {end.result.object().user_metadata().begin(),
                            end.result.object().user_metadata().end()};
    }
  });
  EXPECT_EQ(committed, kCallers * kSwapsEach);
  for (int caller = 0; caller < kCallers; ++caller) {
    EXPECT_EQ(lakefs_->Read(PathOf(absl::StrCat("own-", caller))),
              absl::StrCat(caller, ".", kSwapsEach - 1));
  }
  EXPECT_GT(commits, 10) << "the race was none";
}

// Who adds to shared counters, and what each was told.
class Counters {
 public:
  enum class Said { kCommitted, kSuperseded, kNot, kUnknown };

  void Note(const std::string& id, const std::string& from, Said said) {
    absl::MutexLock lock(&mu_);
    from_[id] = from;
    said_[id] = said;
    ++told_[said];
  }

  // Holds what was said of the objects at a path against the one that stands
  // there in the end, and those that it was built upon.
  void Audit(const ObjectStats& last) {
    absl::MutexLock lock(&mu_);
    int depth = 0;
    std::string id = last.user_metadata.at(kId);
    for (; !id.starts_with(kSeed); id = from_.at(id)) {
      ASSERT_TRUE(from_.contains(id)) << id;
      took_effect_.insert(id);
      ++depth;
    }
    EXPECT_EQ(absl::StrCat(depth), last.user_metadata.at(kCount));
  }

  void Judge() {
    absl::MutexLock lock(&mu_);
    int unknown_that_took_effect = 0;
    for (const auto& [id, said] : said_) {
      const bool took_effect = took_effect_.contains(id);
      if (said == Said::kUnknown) {
        unknown_that_took_effect += took_effect;
        continue;
      }
      EXPECT_EQ(took_effect, said != Said::kNot)
          << id << " was said to be " << static_cast<int>(said);
    }
    EXPECT_EQ(static_cast<int>(took_effect_.size()),
              told_[Said::kCommitted] + told_[Said::kSuperseded] +
                  unknown_that_took_effect);
    for (const auto& [name, said] : {std::pair("committed", Said::kCommitted),
                                     std::pair("superseded", Said::kSuperseded),
                                     std::pair("not_committed", Said::kNot),
                                     std::pair("unknown", Said::kUnknown)}) {
      ::testing::Test::RecordProperty(name, told_[said]);
      std::cout << name << " " << told_[said] << ", ";
    }
    std::cout << "unknown that took effect " << unknown_that_took_effect
              << std::endl;
    EXPECT_GT(told_[Said::kCommitted], 0);
  }

 private:
  absl::Mutex mu_;
  std::map<std::string, std::string> from_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Said> said_ ABSL_GUARDED_BY(mu_);
  std::map<Said, int> told_ ABSL_GUARDED_BY(mu_);
  std::set<std::string> took_effect_ ABSL_GUARDED_BY(mu_);
};

Counters::Said SaidBy(const CallEnd& end) {
  using Said = Counters::Said;
  if (end.status.ok()) {
    return end.result.outcome() == pb::OUTCOME_SUPERSEDED ? Said::kSuperseded
                                                          : Said::kCommitted;
  }
  return end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED
             ? Said::kNot
             : Said::kUnknown;
}

class CounterTest : public SwapRaceTest {
 protected:
  void Run(int counters) {
    const auto path = [&](int n) { return PathOf(absl::StrCat("sum-", n)); };
    {
      auto stub = gateway_.NewStub();
      for (int n = 0; n < counters; ++n) {
        const CallEnd end = Put(*stub, path(n), absl::StrCat(kSeed, n));
        ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      }
    }
    Counters noted;
    const int commits = WhileCommitting(*lakefs_, kCallers, [&](int caller) {
      auto stub = gateway_.NewStub();
      const auto reader = NewReader();
      std::minstd_rand any(static_cast<unsigned>(caller + 1));
      for (int n = 0; n < kSwapsEach; ++n) {
        const std::string at = path(static_cast<int>(any()) % counters);
        const ObjectStats seen = StatBy(*reader, at);
        const std::string& from = seen.user_metadata.at(kId);
        // Who was replaced knows by the mark alone that it stood there.
        EXPECT_EQ(seen.user_metadata.contains(kReplacesKey),
                  !from.starts_with(kSeed));
        const std::string id = absl::StrCat(caller, ".", n);
        noted.Note(id, from, SaidBy(Put(*stub, at, id, &seen)));
      }
    });
    const auto reader = NewReader();
    for (int n = 0; n < counters; ++n) noted.Audit(StatBy(*reader, path(n)));
    noted.Judge();
    EXPECT_GT(commits, 10) << "the race was none";
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, CounterTest, ::testing::ValuesIn(kWays),
                         [](const auto& way) { return way.param.name; });

TEST_P(CounterTest, TwoCountersThatEightAddToAreWhatWasSaid) { Run(2); }

TEST_P(CounterTest, EightCountersThatEightAddToAreWhatWasSaid) { Run(8); }

}  // namespace
}  // namespace lakefs::gateway::testing
