// Many uploads through a gateway while everything fails now and then, and the
// branch is committed all the while. What callers are told is held against what
// truly stands at their paths.
//
// LAKEFS_STAGING_CAMPAIGN_UPLOADS, _PERCENT and _SEED set how many, how many
// requests in a hundred are struck, and the seed of all that is random;
// tests/campaign/run sets them, and prints the figures.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <iostream>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/campaign/campaign_setting.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kCallers = 16;
// Of requests to lakeFS and to the store that are struck: many, since the
// uploads are few.
constexpr uint64_t kFaultPercent = 5;
// A caller that repeats its call so often in vain gives up.
constexpr int kMostTries = 20;

// What came of it, over all callers.
struct Figures {
  std::atomic<int> calls = 0;
  std::atomic<int> dropped = 0;  // by their callers, on purpose
  std::atomic<int> committed = 0;
  std::atomic<int> superseded = 0;
  std::atomic<int> failed = 0;  // for certain, after all repetitions
  std::atomic<int> unknown = 0;
  // What must not be.
  std::atomic<int> lost = 0;
  std::atomic<int> corrupt = 0;
  std::atomic<int> twice = 0;
  std::atomic<int> false_errors = 0;
};

class Campaign {
 public:
  Campaign(const EmulatorOptions& options, int uploads, uint64_t seed,
           double rate)
      : takes_conditions_(options.dialect == Dialect::kV1_84 ||
                          options.dialect == Dialect::kV1_21),
        swaps_(options.if_match),
        uploads_(uploads),
        seed_(seed),
        emulator_(options) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    gateway_ = std::make_unique<GatewayProcess>(emulator_.endpoint());
    emulator_.AddRandomFaults(rate, seed);
  }

  void Run() {
    std::atomic<bool> over = false;
    std::thread committer([&] {
      while (!over) {
        commits_ += emulator_.Commit("quickstart", "main").ok();
        std::this_thread::sleep_for(milliseconds(2));
      }
    });
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([this] {
        auto stub = gateway_->NewStub();
        for (int n = next_++; n < uploads_; n = next_++) Upload(*stub, n);
      });
    }
    for (std::thread& caller : callers) caller.join();
    over = true;
    committer.join();
    emulator_.ClearFaults();
    emulator_.Commit("quickstart", "main").IgnoreError();
    Audit();
  }

  const Figures& figures() const { return figures_; }
  int commits() const { return commits_; }
  std::map<std::string, int> faults() const {
    return emulator_.RandomFaultsStruck();
  }

 private:
  // What the caller of an upload believes.
  enum class Belief { kNone, kStands, kReplaced, kNothing, kUnknown };

  struct Plan {
    std::string path;
    std::string data;
    bool if_absent;
    bool stream;
    std::vector<milliseconds> timeouts;  // of the calls that are dropped
    // Whether its caller counts its attempts: the first one is then not
    // preceded by a look at the path.
    bool counted = false;
    // Whether it is to replace what its caller has put there before.
    bool swaps = false;
  };

  // All that is random about upload `n`, by the seed alone.
  Plan PlanOf(int n) const {
    std::mt19937_64 random(seed_ + 1'000'003 * static_cast<uint64_t>(n + 1));
    const auto any = [&random](size_t least, size_t most) {
      return std::uniform_int_distribution<size_t>(least, most)(random);
    };
    const bool large = any(0, 199) == 0;
    const size_t size = large ? any(8 << 20, 20 << 20) : any(0, 64 << 10);
    Plan plan{.path = absl::StrCat("campaign/", n),
              .data = Bytes(size, random()),
              .if_absent = any(0, 2) == 0 && takes_conditions_,
              .stream = large || any(0, 1) == 0};
    while (any(0, 99) < 2) {
      plan.timeouts.push_back(milliseconds(any(1, 40)));
    }
    plan.counted = any(0, 1) == 0;
    plan.swaps = swaps_ && any(0, 1) == 0;
    plan.if_absent &= !plan.swaps;
    return plan;
  }

  void Upload(pb::Staging::Stub& stub, int n) {
    const Plan plan = PlanOf(n);
    pb::UploadHeader header = HeaderFor(plan.path, plan.if_absent);
    header.set_request_id(plan.path);
    header.set_size_bytes(static_cast<int64_t>(plan.data.size()));
    if (plan.swaps) header.set_if_match(PutFirst(stub, plan.path));
    const auto call = [&](milliseconds timeout) {
      if (plan.counted) header.set_attempt(header.attempt() + 1);
      return Call(stub, plan, header, timeout);
    };
    for (const milliseconds timeout : plan.timeouts) {
      ++figures_.dropped;
      call(timeout);
    }
    Belief belief = Belief::kNone;
    for (int i = 0; i < kMostTries; ++i) {
      if (i > 0) std::this_thread::sleep_for(milliseconds(20 * i));
      const CallEnd end = call(seconds(30));
      belief = BeliefOf(end);
      if (belief == Belief::kNothing && IsThere(plan)) {
        ++figures_.false_errors;
        Report(plan, "is there, and was said not to be", end);
      }
      const auto advice = end.failure ? end.failure->advice()
                                      : pb::UploadFailure::ADVICE_RETRY_CALL;
      const bool again = advice == pb::UploadFailure::ADVICE_RETRY_CALL ||
                         advice == pb::UploadFailure::ADVICE_RESTART;
      if (end.status.ok() || !again) {
        if (!end.status.ok()) Report(plan, "failed", end);
        break;
      }
    }
    if (belief == Belief::kUnknown) belief = Ask(stub, header);
    absl::MutexLock lock(&mu_);
    beliefs_[n] = belief;
  }

  // Puts an object there, however often that takes. Returns its checksum.
  static std::string PutFirst(pb::Staging::Stub& stub,
                              const std::string& path) {
    pb::UploadHeader header = HeaderFor(path);
    header.set_request_id(absl::StrCat(path, " first"));
    CallEnd end;
    for (int i = 0; i < kMostTries && (i == 0 || !end.status.ok()); ++i) {
      end = UploadUnary(stub, header, absl::StrCat("first at ", path));
    }
    EXPECT_TRUE(end.status.ok()) << path << " " << end.status.error_message();
    return end.result.object().checksum();
  }

  CallEnd Call(pb::Staging::Stub& stub, const Plan& plan,
               const pb::UploadHeader& header, milliseconds timeout) {
    ++figures_.calls;
    return plan.stream ? testing::Upload(stub, header, plan.data, timeout)
                       : UploadUnary(stub, header, plan.data, timeout);
  }

  static Belief BeliefOf(const CallEnd& end) {
    if (end.status.ok()) {
      return end.result.outcome() == pb::OUTCOME_SUPERSEDED ? Belief::kReplaced
                                                            : Belief::kStands;
    }
    const bool certain =
        end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED;
    return certain ? Belief::kNothing : Belief::kUnknown;
  }

  Belief Ask(pb::Staging::Stub& stub, const pb::UploadHeader& header) {
    grpc::ClientContext context;
    pb::GetUploadOutcomeRequest request;
    request.set_request_id(header.request_id());
    *request.mutable_object() = header.object();
    pb::GetUploadOutcomeResponse response;
    const auto status = stub.GetUploadOutcome(&context, request, &response);
    if (!status.ok() || response.outcome() == pb::OUTCOME_UNKNOWN) {
      return Belief::kUnknown;
    }
    return response.outcome() == pb::OUTCOME_COMMITTED ? Belief::kStands
                                                       : Belief::kNothing;
  }

  bool IsThere(const Plan& plan) const {
    return emulator_.ReadObject("quickstart", "main", plan.path) == plan.data;
  }

  // Holds what was said against what is there, when all is quiet.
  void Audit() {
    absl::MutexLock lock(&mu_);
    for (const auto& [n, belief] : beliefs_) {
      const Plan plan = PlanOf(n);
      const auto there = emulator_.ReadObject("quickstart", "main", plan.path);
      const auto addresses = emulator_.AddressesLinked("quickstart", plan.path);
      if (addresses.size() > (plan.swaps ? 2 : 1)) {
        ++figures_.twice;
        std::cout << plan.path << " was linked twice:\n";
        for (const JournalEntry& entry : emulator_.Journal()) {
          const auto path = entry.query.find("path");
          if (path == entry.query.end() || path->second != plan.path) continue;
          std::cout << "  " << entry.operation << " " << entry.status << " "
                    << entry.body << "\n";
        }
      }
      switch (belief) {
        case Belief::kStands:
          ++figures_.committed;
          figures_.lost += !there.has_value();
          figures_.corrupt += there.has_value() && *there != plan.data;
          break;
        case Belief::kReplaced:  // nobody else writes there
          ++figures_.superseded;
          ++figures_.false_errors;
          break;
        case Belief::kNothing:
          ++figures_.failed;
          figures_.false_errors += there.has_value();
          break;
        case Belief::kUnknown:
        case Belief::kNone:
          ++figures_.unknown;
          figures_.corrupt += there.has_value() && *there != plan.data;
          break;
      }
    }
  }

  void Report(const Plan& plan, const char* what, const CallEnd& end) {
    absl::MutexLock lock(&mu_);
    std::cout << plan.path << " " << what << ": " << end.status.error_code()
              << " " << end.reason << " " << end.status.error_message() << "\n";
  }

  const bool takes_conditions_;
  const bool swaps_;
  const int uploads_;
  const uint64_t seed_;
  Emulator emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  Figures figures_;
  std::atomic<int> next_ = 0;
  std::atomic<int> commits_ = 0;
  absl::Mutex mu_;
  std::map<int, Belief> beliefs_ ABSL_GUARDED_BY(mu_);
};

struct Server {
  const char* name;
  EmulatorOptions options;
  // No address is known before, so that a call which was dropped while lakeFS
  // worked on it, and is made again, can link its object once more.
  bool may_link_again = false;
};
void PrintTo(const Server& server, std::ostream* out) { *out << server.name; }

const Server kServers[] = {
    {"V1_84", {}},
    {"IfMatch", {.if_match = true}},
    {"V1_21", {.dialect = Dialect::kV1_21}},
    {"V0_101", {.dialect = Dialect::kV0_101}},
    {"Azure", {.store = StoreKind::kAzure}},
    {"Google", {.store = StoreKind::kGcs}},
    {"ThroughLakefs", {.store = StoreKind::kLocal}, /*may_link_again=*/true},
    {"ThroughLakefsUnsigned", {.presign = false}, true},
    {"ThroughLakefsV1_21",
     {.dialect = Dialect::kV1_21, .presign = false},
     true},
};

class CampaignTest : public ::testing::TestWithParam<Server> {};

INSTANTIATE_TEST_SUITE_P(Servers, CampaignTest, ::testing::ValuesIn(kServers),
                         [](const auto& info) { return info.param.name; });

TEST_P(CampaignTest, NothingIsLostCorruptLinkedTwiceOrSaidFalsely) {
  const int uploads =
      static_cast<int>(CampaignSetting("LAKEFS_STAGING_CAMPAIGN_UPLOADS", 400));
  const uint64_t seed = CampaignSetting("LAKEFS_STAGING_CAMPAIGN_SEED", 1);
  std::cout << "seed " << seed << std::endl;
  const auto start = std::chrono::steady_clock::now();
  const auto percent = static_cast<double>(
      CampaignSetting("LAKEFS_STAGING_CAMPAIGN_PERCENT", kFaultPercent));
  Campaign campaign(GetParam().options, uploads, seed, percent / 100);
  campaign.Run();
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - start;
  const Figures& figures = campaign.figures();
  int struck = 0;
  std::cout << "faults:";
  for (const auto& [name, count] : campaign.faults()) {
    std::cout << " " << name << " " << count << ",";
    struck += count;
  }
  std::cout << " in all " << struck << "\n"
            << "uploads " << uploads << ", calls " << figures.calls
            << ", of them dropped by their callers " << figures.dropped
            << ", commits " << campaign.commits() << ", seconds "
            << took.count() << "\n"
            << "committed " << figures.committed << ", failed "
            << figures.failed << ", unknown " << figures.unknown << "\n"
            << "lost " << figures.lost << ", corrupt " << figures.corrupt
            << ", linked twice " << figures.twice << ", false errors "
            << figures.false_errors << std::endl;
  EXPECT_EQ(figures.lost, 0);
  EXPECT_EQ(figures.corrupt, 0);
  if (!GetParam().may_link_again) {
    EXPECT_EQ(figures.twice, 0);
  }
  EXPECT_EQ(figures.false_errors, 0);
  EXPECT_EQ(figures.committed + figures.failed + figures.unknown, uploads);
  // The faults pass, so that nothing is left undone in the end.
  EXPECT_EQ(figures.committed, uploads);
  // An upload takes two requests at least, so this is an eighth of what is to
  // be expected.
  EXPECT_GT(struck, uploads * percent / 400);
  EXPECT_GT(campaign.commits(), 10);
}

}  // namespace
}  // namespace lakefs::gateway::testing
