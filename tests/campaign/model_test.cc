// Random histories of few paths that many write to: uploads through two
// gateways, some in parts or spooled, some dropped by their callers, some with
// a request_id and made again; writes and deletes of others, commits and
// faults. Where the server implements If-Match, some replace what their caller
// has just seen, or nothing. Half of those who repeat count their attempts: the
// first one is then not preceded by a look at the path, and neither is one
// without a request_id. After each round, when all is quiet, what stands at
// each path must be what some order of the round's operations can have left, if
// each did what was said of it. An upload and its repetitions are one
// operation.
//
// LAKEFS_STAGING_MODEL_SEED runs one history again, or "random" ones.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <iostream>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/clock.h"
#include "gateway/http/curl_http_client.h"
#include "tests/testing/lakefs_reader.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;

constexpr int kCallers = 6;
constexpr int kPaths = 3;
constexpr int kRounds = 25;
constexpr int kOpsPerRound = 3;           // of each caller, at most
constexpr size_t kLarge = (8 << 20) + 1;  // parts, or the spool
constexpr int kLargePercent = 3;
constexpr int kRepeatedPercent = 40;
constexpr int kMostRepetitions = 3;
constexpr int kNever = std::numeric_limits<int>::max();

enum class Said {
  kDone,        // COMMITTED; a direct write or delete that was acknowledged
  kSuperseded,  // done, and another's stands there since
  kExists,      // refused: another's object stands there
  kNot,         // not done, for certain
  kUnknown,
};

struct Op {
  std::string value;  // written; empty for a delete
  bool if_absent = false;
  std::optional<std::string> if_match;
  bool hasty = false;  // its deadline can have cut a link off, which goes on
  bool large = false;
  bool repeated = false;
  int start = 0;  // of all operations, by one count
  int end = 0;
  Said said = Said::kUnknown;

  bool deletes() const { return value.empty(); }
  bool MayHaveHappened() const {
    return said != Said::kNot && said != Said::kExists;
  }
  bool Happened() const {
    return said == Said::kDone || said == Said::kSuperseded;
  }
  // Whether it may take effect when the call is over. That another's object
  // stands there does not tell whether ours came before; and a link that was
  // cut off can come after the one that its repetition was answered for.
  bool MayComeLate() const {
    return said == Said::kUnknown ||
           (hasty &&
            (said == Said::kSuperseded || (repeated && said == Said::kDone)));
  }
  // Until when it may take effect.
  int Latest() const { return Happened() && !MayComeLate() ? end : kNever; }
};

// What is known of one path.
class Model {
 public:
  // Where a commit can lose a write, a link that was answered by 412 can have
  // stood there for an instant.
  void LoseWrites() { loses_writes_ = true; }

  // Says what of `round` contradicts itself or what stands there now; empty if
  // nothing does. What stands is where the next round begins.
  std::string Check(const std::vector<Op>& round, const std::string& stands) {
    std::string wrong;
    if (!MayStand(round, stands)) {
      absl::StrAppend(&wrong, "nobody can have left '", stands, "'; ");
    }
    for (const Op& op : round) {
      if (op.said == Said::kExists && !AnythingBefore(round, op)) {
        absl::StrAppend(&wrong, op.value, " was refused over nothing; ");
      }
      if (op.said == Said::kDone && op.if_absent) CheckCreate(round, op, wrong);
      if (op.said == Said::kSuperseded && !AnyOther(round, op)) {
        absl::StrAppend(&wrong, op.value, " was superseded by nobody; ");
      }
    }
    for (const Op& op : round) {
      if (op.MayComeLate()) late_.insert(op.value);
    }
    base_ = stands;
    return wrong;
  }

 private:
  // Whether something that happened began when `op` had ended.
  static bool Replaced(const std::vector<Op>& round, const Op& op) {
    return std::any_of(round.begin(), round.end(), [&](const Op& other) {
      return other.Happened() && other.start > op.Latest();
    });
  }

  bool MayStand(const std::vector<Op>& round, const std::string& stands) const {
    if (late_.contains(stands)) return true;
    bool untouched = true;
    for (const Op& op : round) {
      const bool gone = op.said == Said::kSuperseded && !op.MayComeLate();
      const bool last = op.MayHaveHappened() && !gone && !Replaced(round, op);
      if (op.value == stands && last) return true;
      untouched &= !op.Happened();
    }
    return untouched && stands == base_;
  }

  bool AnythingBefore(const std::vector<Op>& round, const Op& refused) const {
    if (!base_.empty() || !late_.empty()) return true;
    // That lasted until another replaced it, or deleted it before another came.
    const bool replaced = std::any_of(
        round.begin(), round.end(),
        [](const Op& op) { return op.MayHaveHappened() && !op.if_absent; });
    return std::any_of(round.begin(), round.end(), [&](const Op& op) {
      const bool stood =
          op.MayHaveHappened() || (loses_writes_ && replaced &&
                                   op.said == Said::kExists && &op != &refused);
      return !op.deletes() && stood && op.start < refused.end;
    });
  }

  bool AnyOther(const std::vector<Op>& round, const Op& op) const {
    return !late_.empty() ||
           std::any_of(round.begin(), round.end(), [&](const Op& other) {
             return &other != &op && !other.deletes() &&
                    other.MayHaveHappened() && other.Latest() > op.start;
           });
  }

  // A create finds nothing: what was there before must have been deleted.
  void CheckCreate(const std::vector<Op>& round, const Op& create,
                   std::string& wrong) const {
    const auto deleted = [&](int since) {
      return late_.contains("") ||
             std::any_of(round.begin(), round.end(), [&](const Op& op) {
               return op.deletes() && op.MayHaveHappened() &&
                      op.Latest() > since && op.start < create.end;
             });
    };
    if (!base_.empty() && !deleted(-1)) {
      absl::StrAppend(&wrong, create.value, " was created over ", base_, "; ");
    }
    for (const Op& op : round) {
      if (op.deletes() || !op.Happened() || op.end >= create.start) continue;
      if (!deleted(op.start)) {
        absl::StrAppend(&wrong, create.value, " was created over ", op.value,
                        "; ");
      }
    }
  }

  bool loses_writes_ = false;
  std::string base_;            // stood there when the round began
  std::set<std::string> late_;  // may yet come; "" for a delete
};

// What an operation writes: its value, and more behind it if it is large.
std::string DataOf(const std::string& value, bool large) {
  if (!large) return value;
  return absl::StrCat(value, "\n", std::string(kLarge, value.back()));
}
// The value of what stands at a path; says so if it was never written like
// that.
std::string ValueOf(const std::string& data) {
  const size_t end = data.find('\n');
  if (end == std::string::npos) return data;
  const std::string value = data.substr(0, end);
  return data == DataOf(value, true) ? value : value + ", damaged";
}

// Who works on the same branch without the gateway.
class Stranger {
 public:
  Stranger(const Emulator& emulator, const EmulatorOptions& options)
      : objects_(absl::StrCat(emulator.endpoint(),
                              "/api/v1/repositories/quickstart/branches/main/"
                              "objects?path=")),
        authorization_(absl::StrCat(
            "Basic ",
            absl::Base64Escape(absl::StrCat(options.access_key_id, ":",
                                            options.secret_access_key)))) {}

  Said Write(const std::string& path, const std::string& value) {
    return Send({.operation = "uploadObject",
                 .method = HttpMethod::kPost,
                 .url = objects_ + path,
                 .headers = {{"Content-Type", "application/octet-stream"}},
                 .body = value});
  }
  Said Delete(const std::string& path) {
    return Send({.operation = "deleteObject",
                 .method = HttpMethod::kDelete,
                 .url = objects_ + path});
  }

 private:
  Said Send(HttpRequest request) {
    request.headers.push_back({"Authorization", authorization_});
    const CallContext context(clock_, clock_.Now() + std::chrono::seconds(10),
                              "stranger");
    const auto response = http_.Send(context, request);
    if (!response.ok()) return Said::kUnknown;
    return response->status / 100 == 2 ? Said::kDone : Said::kUnknown;
  }

  const std::string objects_;
  const std::string authorization_;
  RealClock clock_;
  CurlHttpClient http_;
};

class History {
 public:
  History(uint64_t seed, const EmulatorOptions& options)
      : seed_(seed),
        // Where addresses are burnt, what a stat shows stays.
        loses_writes_(options.dialect == Dialect::kV1_84),
        stage_(options),
        replica_(stage_.emulator.endpoint()),
        swaps_(options.if_match),
        stranger_(stage_.emulator, options) {
    stubs_[0] = stage_.gateway->NewStub();
    stubs_[1] = replica_.NewStub();
    stage_.may_leave_uploads = true;
    stage_.emulator.AddRandomFaults(0.03, seed);
    if (!loses_writes_) return;
    for (Model& model : models_) model.LoseWrites();
  }

  void Run() {
    std::atomic<bool> over = false;
    std::thread committer([&] {
      while (!over) {
        stage_.emulator.Commit("quickstart", "main").IgnoreError();
        std::this_thread::sleep_for(milliseconds(2));
      }
    });
    for (int round = 0; round < kRounds && !::testing::Test::HasFailure();
         ++round) {
      if (loses_writes_) {
        // Races with a commit that come by themselves too, but seldom.
        const int skip = round % kCallers;
        for (const auto kind :
             {Fault::Kind::kLoseWrite, Fault::Kind::kFalsePrecondition}) {
          stage_.Break("linkPhysicalAddress", kind, /*times=*/1, skip);
        }
      }
      std::vector<std::thread> callers;
      for (int i = 0; i < kCallers; ++i) {
        callers.emplace_back([this, round, i] { Act(round, i); });
      }
      for (std::thread& caller : callers) caller.join();
      Check(round);
    }
    over = true;
    committer.join();
    stage_.emulator.ClearFaults();
  }

  int done() const { return done_; }
  int repetitions() const { return repetitions_; }
  int done_again() const { return done_again_; }
  int large() const { return large_; }
  int swapped() const { return swapped_; }

 private:
  void Act(int round, int caller) {
    LakefsReader reader(stage_.emulator.endpoint(), "quickstart");
    std::mt19937_64 random(seed_ * 1'000'003 +
                           static_cast<uint64_t>(round * kCallers + caller));
    const auto any = [&random](int least, int most) {
      return std::uniform_int_distribution<int>(least, most)(random);
    };
    for (int n = any(1, kOpsPerRound); n > 0; --n) {
      const int path = any(0, kPaths - 1);
      const std::string where = absl::StrCat("model/", path);
      const int kind = any(0, 9);
      Op op{.value =
                absl::StrCat("seed", seed_, ".", round, ".", caller, ".", n)};
      op.start = count_++;
      if (kind == 0) {
        op.value.clear();
        op.said = stranger_.Delete(where);
      } else if (kind == 1) {
        op.said = stranger_.Write(where, op.value);
      } else {
        op.if_absent = kind < 6;
        // Faults strike the look, too.
        if (const auto seen =
                swaps_ && kind % 2 == 0 ? reader.Stat(where) : std::nullopt) {
          op.if_absent = false;
          op.if_match = seen->checksum;
        }
        op.hasty = any(0, 99) < 3;
        op.large = any(0, 99) < kLargePercent;
        op.repeated = any(0, 99) < kRepeatedPercent;
        large_ += op.large;
        op.said = Upload(where, op, any);
        swapped_ += op.if_match && op.Happened();
      }
      op.end = count_++;
      done_ += op.Happened();
      absl::MutexLock lock(&mu_);
      round_[path].push_back(std::move(op));
    }
  }

  // One upload, with its repetitions at the same gateway or the other.
  template <typename Any>
  Said Upload(const std::string& path, const Op& op, const Any& any) {
    pb::UploadHeader header = HeaderFor(path, op.if_absent);
    if (op.if_match) header.set_if_match(*op.if_match);
    if (op.repeated) header.set_request_id(op.value);
    const std::string data = DataOf(op.value, op.large);
    Said said = Said::kNot;
    std::string address[2];  // that each gateway has called COMMITTED
    const int most = op.repeated ? any(1, kMostRepetitions) : 0;
    const bool counted = op.repeated && any(0, 1) == 0;
    for (int n = 0; n <= most; ++n) {
      if (counted) header.set_attempt(static_cast<uint32_t>(n + 1));
      const int at = any(0, 1);
      // The last repetition waits for what comes of it.
      const bool hasty = op.hasty && (most == 0 || n < most);
      const milliseconds timeout(hasty ? any(1, 40) : 30'000);
      const CallEnd end =
          op.large ? testing::Upload(*stubs_[at], header, data, timeout)
                   : UploadUnary(*stubs_[at], header, data, timeout);
      repetitions_ += n > 0;
      said = Merged(said, SaidBy(end), /*first=*/n == 0);
      if (!end.status.ok()) continue;
      const std::string& now = end.result.object().physical_address();
      if (!address[at].empty()) {
        // It remembers, and does nothing.
        ++done_again_;
        EXPECT_EQ(now, address[at]) << op.value;
      }
      address[at] = now;
    }
    return said;
  }

  // What is known after one more call for the same upload. What was done stays
  // done, and what may still come is not refuted by another gateway.
  static Said Merged(Said before, Said now, bool first) {
    if (first || now == Said::kDone) return now;
    if (before == Said::kDone || before == Said::kSuperseded) return before;
    if (now == Said::kSuperseded || before != Said::kUnknown) return now;
    return Said::kUnknown;
  }

  static Said SaidBy(const CallEnd& end) {
    if (end.status.ok()) {
      return end.result.outcome() == pb::OUTCOME_SUPERSEDED ? Said::kSuperseded
                                                            : Said::kDone;
    }
    const bool certain =
        end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED;
    if (!certain) return Said::kUnknown;
    return end.reason == "OBJECT_EXISTS" ? Said::kExists : Said::kNot;
  }

  void Check(int round) {
    // What a commit is about to drop must not count.
    stage_.emulator.Commit("quickstart", "main").IgnoreError();
    absl::MutexLock lock(&mu_);
    for (int path = 0; path < kPaths; ++path) {
      const std::string stands =
          ValueOf(stage_.Read(absl::StrCat("model/", path)).value_or(""));
      const std::string wrong = models_[path].Check(round_[path], stands);
      EXPECT_EQ(wrong, "") << "round " << round << ", path " << path
                           << Told(round_[path]);
      round_[path].clear();
    }
  }

  static std::string Told(const std::vector<Op>& ops) {
    std::string told;
    for (const Op& op : ops) {
      absl::StrAppend(
          &told, "\n  ", op.start, "-", op.end, " ",
          op.deletes() ? "delete" : op.value, op.if_absent ? " if absent" : "",
          op.if_match ? " over " + *op.if_match : "", op.large ? " large" : "",
          op.hasty ? " hasty" : "", op.repeated ? " repeated" : "", ": ",
          static_cast<int>(op.said));
    }
    return told;
  }

  const uint64_t seed_;
  const bool loses_writes_;
  Stage stage_;
  GatewayProcess replica_;
  std::unique_ptr<pb::Staging::Stub> stubs_[2];  // of both
  const bool swaps_;
  Stranger stranger_;
  std::atomic<int> count_ = 0;
  std::atomic<int> done_ = 0;
  std::atomic<int> repetitions_ = 0;
  std::atomic<int> done_again_ = 0;
  std::atomic<int> large_ = 0;
  std::atomic<int> swapped_ = 0;
  absl::Mutex mu_;
  std::vector<Op> round_[kPaths] ABSL_GUARDED_BY(mu_);
  Model models_[kPaths] ABSL_GUARDED_BY(mu_);
};

std::vector<uint64_t> Seeds() {
  const char* text = std::getenv("LAKEFS_STAGING_MODEL_SEED");
  if (text == nullptr) return {1, 2, 3};
  if (text == std::string("random")) {
    std::random_device any;
    return {any(), any(), any()};
  }
  uint64_t seed = 0;
  EXPECT_TRUE(absl::SimpleAtoi(text, &seed)) << text;
  return {seed};
}

void RunAll(const EmulatorOptions& options) {
  for (const uint64_t seed : Seeds()) {
    SCOPED_TRACE(absl::StrCat("LAKEFS_STAGING_MODEL_SEED=", seed));
    std::cout << "seed " << seed << std::endl;
    History history(seed, options);
    history.Run();
    EXPECT_GT(history.done(), kRounds);
    EXPECT_GT(history.repetitions(), kRounds);
    EXPECT_GT(history.done_again(), 0);
    EXPECT_GT(history.large(), 0);
    if (options.if_match) {
      EXPECT_GT(history.swapped(), kRounds);
    }
  }
}

TEST(ModelTest, WhatIsSaidOnV184FitsWhatStands) { RunAll({}); }

TEST(ModelTest, WhatIsSaidOfSwapsFitsWhatStands) { RunAll({.if_match = true}); }

TEST(ModelTest, WhatIsSaidOnV121FitsWhatStands) {
  RunAll({.dialect = Dialect::kV1_21});
}

TEST(ModelTest, WhatIsSaidOnAzureFitsWhatStands) {
  RunAll({.store = StoreKind::kAzure});
}

}  // namespace
}  // namespace lakefs::gateway::testing
