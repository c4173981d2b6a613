// Large uploads through two gateways that are killed and drained all the while,
// by callers who die too, under faults and commits: each goes on from its token
// wherever it comes next. What callers are told is held against what truly
// stands at their paths.
//
// LAKEFS_STAGING_CAMPAIGN_UPLOADS, _PERCENT and _SEED as in campaign_test.cc;
// tests/campaign/run --resume sets them.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <iostream>
#include <random>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/crc32c.h"
#include "tests/campaign/campaign_setting.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/key_file.h"
#include "tests/testing/resumable_upload.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = 1 << 20;
constexpr int kCallers = 4;
// What one emulator keeps in memory.
constexpr int kUploadsARound = 16;
constexpr uint64_t kFaultPercent = 1;
// A caller that repeats its call so often in vain gives up.
constexpr int kMostTries = 60;
constexpr size_t kFirstCheckpoint = 64 * kMiB;

struct Figures {
  int committed = 0;
  int calls = 0;
  int deaths = 0;   // of callers
  int resumed = 0;  // calls that went on from where another had ended
  int kills = 0;
  int drains = 0;
  int commits = 0;
  int left = 0;  // in the store, of uploads that no token is known of
  // What must not be.
  int lost = 0;
  int corrupt = 0;
  int twice = 0;
  int false_errors = 0;
  int unfinished = 0;
  int uncovered = 0;  // in the store, and nobody was killed who could tell
};

// One that is replaced when it has been killed or drained.
struct Replica {
  GatewayProcess process;
  std::atomic<bool> killed = false;

  Replica(const std::string& endpoint, const std::string& keys)
      : process(endpoint, {"--resume-key-file=" + keys, "--drain-timeout=2s"}) {
  }
};

class Replicas {
 public:
  Replicas(std::string endpoint, uint64_t seed)
      : endpoint_(std::move(endpoint)), random_(seed) {
    std::string name = ::testing::TempDir() + "/resume_campaign_XXXXXX";
    folder_ = mkdtemp(name.data());
    keys_ = folder_ + "/keys";
    WriteKeyFile(keys_, 'k');
    for (auto& replica : replicas_) {
      replica = std::make_shared<Replica>(endpoint_, keys_);
    }
  }
  ~Replicas() { std::filesystem::remove_all(folder_); }

  std::shared_ptr<Replica> Any(size_t n) {
    absl::MutexLock lock(&mu_);
    return replicas_[n % replicas_.size()];
  }

  // Ends one, mostly at once, and puts another in its place.
  void EndOne(Figures& figures) {
    const size_t n = random_() % replicas_.size();
    const auto old = Any(n);
    if (random_() % 3 > 0) {
      old->killed = true;
      old->process.Kill();
      ++figures.kills;
    } else {
      old->process.Terminate();
      ++figures.drains;
      drained_.push_back(old);  // waited for at the end
    }
    auto fresh = std::make_shared<Replica>(endpoint_, keys_);
    absl::MutexLock lock(&mu_);
    replicas_[n] = std::move(fresh);
  }
  milliseconds Pause() { return milliseconds(150 + random_() % 600); }

 private:
  const std::string endpoint_;
  std::mt19937_64 random_;  // of the thread that ends them
  std::string folder_;
  std::string keys_;
  std::vector<std::shared_ptr<Replica>> drained_;
  absl::Mutex mu_;
  std::array<std::shared_ptr<Replica>, 2> replicas_ ABSL_GUARDED_BY(mu_);
};

// Some uploads, and the lakeFS that they go to.
class Round {
 public:
  Round(int uploads, uint64_t seed, double rate, Figures& figures)
      : uploads_(uploads), seed_(seed), figures_(figures) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    replicas_ = std::make_unique<Replicas>(emulator_.endpoint(), seed);
    emulator_.AddRandomFaults(rate, seed);
  }

  void Run() {
    std::atomic<bool> over = false;
    std::thread committer([&] {
      while (!over) {
        figures_.commits += emulator_.Commit("quickstart", "main").ok();
        std::this_thread::sleep_for(milliseconds(5));
      }
    });
    std::thread killer([&] {
      while (!over) {
        std::this_thread::sleep_for(replicas_->Pause());
        replicas_->EndOne(figures_);
      }
    });
    std::vector<std::thread> callers;
    for (int i = 0; i < kCallers; ++i) {
      callers.emplace_back([this] {
        for (int n = next_++; n < uploads_; n = next_++) Upload(n);
      });
    }
    for (std::thread& caller : callers) caller.join();
    over = true;
    committer.join();
    killer.join();
    emulator_.ClearFaults();
    Audit();
  }

 private:
  std::string PathOf(int n) const { return absl::StrCat(seed_, "/", n); }
  size_t SizeOf(int n) const {
    std::mt19937_64 random(seed_ + static_cast<uint64_t>(n));
    return kFirstCheckpoint + 8 * kMiB + random() % (56 * kMiB);
  }
  std::string DataOf(int n) const {
    return Bytes(SizeOf(n), seed_ + static_cast<uint64_t>(n));
  }

  void Upload(int n) {
    const std::string data = DataOf(n);
    std::mt19937_64 random(seed_ + 1'000'003 * static_cast<uint64_t>(n + 1));
    pb::UploadHeader header = HeaderFor(PathOf(n));
    header.set_request_id(PathOf(n));
    header.set_resumable(true);
    if (random() % 2) header.set_size_bytes(static_cast<int64_t>(data.size()));
    std::string token;
    bool stands = false;
    for (int i = 0; i < kMostTries && !stands; ++i) {
      if (i > 0) std::this_thread::sleep_for(milliseconds(20));
      const auto replica = replicas_->Any(random());
      const bool dies = random() % 4 == 0;
      ResumableUpload call(replica->process, header, data, token);
      const CallEnd end = call.Run(dies ? random() % data.size() : data.size());
      stands = end.status.ok();
      absl::MutexLock lock(&mu_);
      ++figures_.calls;
      figures_.deaths += dies;
      figures_.resumed += call.resumed();
      if (stands) break;
      const bool certain =
          end.failure && end.failure->outcome() == pb::OUTCOME_NOT_COMMITTED;
      if (certain && IsThere(n)) {
        ++figures_.false_errors;
        Report(n, "is there, and was said not to be", end);
      }
      if (token.empty()) may_be_left_.push_back(replica);
      const bool useless =
          end.reason == "RESUME_EXPIRED" || end.reason == "RESUME_REFUSED";
      if (!useless && end.failure &&
          end.failure->advice() != pb::UploadFailure::ADVICE_RETRY_CALL &&
          end.failure->advice() != pb::UploadFailure::ADVICE_RESTART) {
        Report(n, "failed", end);
      }
      if (useless) {
        if (end.reason == "RESUME_REFUSED") Report(n, "was refused", end);
        tokens_.push_back(std::exchange(token, ""));
      }
    }
    absl::MutexLock lock(&mu_);
    if (!token.empty()) tokens_.push_back(token);
    stands_.push_back({n, stands});
  }

  bool IsThere(int n) const {
    const auto digest = emulator_.DigestObject("quickstart", "main", PathOf(n));
    return digest && digest->size_bytes == SizeOf(n);
  }

  void Audit() {
    absl::MutexLock lock(&mu_);
    for (const auto& [n, stands] : stands_) {
      const auto there =
          emulator_.DigestObject("quickstart", "main", PathOf(n));
      figures_.committed += stands;
      figures_.unfinished += !stands;
      figures_.lost += stands && !there;
      figures_.corrupt += there && there->crc32c != Crc32c(DataOf(n));
      const auto addresses = emulator_.AddressesLinked("quickstart", PathOf(n));
      figures_.twice += addresses.size() > 1;
    }
    Discard();
    // What nobody has a token of was begun by one that was killed before it
    // could tell, or by a caller who died before it could hear.
    int may_be_left = 0;
    for (const auto& replica : may_be_left_) may_be_left += replica->killed;
    // Who was drained may still be cleaning up.
    int open = emulator_.OpenMultipartUploads();
    for (int i = 0; i < 2'000 && open > may_be_left; ++i) {
      std::this_thread::sleep_for(milliseconds(5));
      open = emulator_.OpenMultipartUploads();
    }
    figures_.left += open;
    figures_.uncovered += std::max(0, open - may_be_left);
  }

  void Discard() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const auto stub = replicas_->Any(0)->process.NewStub();
    for (const std::string& token : tokens_) {
      grpc::ClientContext context;
      pb::DiscardUploadRequest request;
      request.set_resume_token(token);
      pb::DiscardUploadResponse response;
      const grpc::Status status =
          stub->DiscardUpload(&context, request, &response);
      EXPECT_TRUE(status.ok()) << status.error_message();
    }
  }

  void Report(int n, const char* what, const CallEnd& end)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    std::cout << PathOf(n) << " " << what << ": " << end.status.error_code()
              << " " << end.reason << " " << end.status.error_message() << "\n";
  }

  const int uploads_;
  const uint64_t seed_;
  Figures& figures_;
  Emulator emulator_;
  std::unique_ptr<Replicas> replicas_;
  std::atomic<int> next_ = 0;
  absl::Mutex mu_;
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mu_);
  std::vector<std::shared_ptr<Replica>> may_be_left_ ABSL_GUARDED_BY(mu_);
  std::vector<std::pair<int, bool>> stands_ ABSL_GUARDED_BY(mu_);
};

TEST(ResumeCampaignTest, NothingIsLostCorruptLinkedTwiceOrSaidFalsely) {
  const int uploads =
      static_cast<int>(CampaignSetting("LAKEFS_STAGING_CAMPAIGN_UPLOADS", 16));
  const uint64_t seed = CampaignSetting("LAKEFS_STAGING_CAMPAIGN_SEED", 1);
  const auto percent = static_cast<double>(
      CampaignSetting("LAKEFS_STAGING_CAMPAIGN_PERCENT", kFaultPercent));
  std::cout << "seed " << seed << std::endl;
  Figures figures;
  for (int done = 0; done < uploads; done += kUploadsARound) {
    Round(std::min(kUploadsARound, uploads - done),
          seed + static_cast<uint64_t>(done), percent / 100, figures)
        .Run();
  }
  std::cout << "uploads " << uploads << ", calls " << figures.calls
            << ", gone on with " << figures.resumed << ", deaths of callers "
            << figures.deaths << ", kills " << figures.kills << ", drains "
            << figures.drains << ", commits " << figures.commits
            << "\ncommitted " << figures.committed
            << ", left in the store by who was killed " << figures.left
            << "\nlost " << figures.lost << ", corrupt " << figures.corrupt
            << ", linked twice " << figures.twice << ", false errors "
            << figures.false_errors << ", uncovered " << figures.uncovered
            << std::endl;
  EXPECT_EQ(figures.lost, 0);
  EXPECT_EQ(figures.corrupt, 0);
  EXPECT_EQ(figures.twice, 0);
  EXPECT_EQ(figures.false_errors, 0);
  EXPECT_EQ(figures.uncovered, 0);
  EXPECT_EQ(figures.unfinished, 0);
  EXPECT_GT(figures.kills + figures.drains, 0);
}

}  // namespace
}  // namespace lakefs::gateway::testing
