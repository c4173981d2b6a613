// Many connections, and slow ones, hold nobody up.
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

constexpr int kSlowPuts = 64;
constexpr int kIdleConnections = 300;

class LoadTest : public EmulatorFixture {
 protected:
  // Opens connections and leaves them open.
  std::vector<std::unique_ptr<ApiClient>> IdleClients() {
    std::vector<std::unique_ptr<ApiClient>> clients;
    for (int i = 0; i < kIdleConnections; ++i) {
      clients.push_back(std::make_unique<ApiClient>(emulator_));
      EXPECT_EQ(clients.back()->Stat("none").status, 404);
    }
    return clients;
  }

  void SlowPuts(std::chrono::milliseconds delay) {
    Fault slow;
    slow.operation = "storePut";
    slow.kind = Fault::Kind::kSlow;
    slow.delay = delay;
    slow.times = kSlowPuts;
    emulator_.AddFault(slow);
    for (int i = 0; i < kSlowPuts; ++i) {
      const std::string url =
          client_->Mint(absl::StrCat("slow/", i), true)["presigned_url"];
      callers_.emplace_back([this, url] {
        Answer put = ApiClient::Send("PUT", url, std::string(100'000, 'x'));
        put_ += put.status == 200;
      });
    }
  }

  void Join() {
    for (std::thread& caller : callers_) caller.join();
  }

  // PUTs that have reached the store.
  int Begun() const {
    int begun = 0;
    for (const JournalEntry& entry : emulator_.Journal()) {
      begun += entry.operation == "storePut";
    }
    return begun;
  }

  std::vector<std::thread> callers_;
  std::atomic<int> put_{0};
};

TEST_F(LoadTest, SlowPutsRunSideBySideAmongIdleConnections) {
  auto idle = IdleClients();
  auto before = std::chrono::steady_clock::now();
  SlowPuts(std::chrono::milliseconds(500));
  nlohmann::json staging;
  EXPECT_EQ(Put("quick", "x", staging).status, 200);
  Join();
  EXPECT_EQ(put_, kSlowPuts);
  // One after the other they would take half a minute.
  EXPECT_LT(std::chrono::steady_clock::now() - before,
            std::chrono::seconds(10));
  EXPECT_EQ(idle.front()->Stat("none").status, 404);
}

TEST_F(LoadTest, StopsAtOnceWithAllOfThemOpen) {
  auto idle = IdleClients();
  SlowPuts(std::chrono::minutes(10));
  while (Begun() < kSlowPuts) std::this_thread::yield();
  auto before = std::chrono::steady_clock::now();
  emulator_.Stop();
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(1));
  Join();
  EXPECT_EQ(put_, 0);
}

}  // namespace
}  // namespace lakefs::gateway::testing
