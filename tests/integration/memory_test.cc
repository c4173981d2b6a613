// The memory of the process, whatever its callers do.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/endless_message.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::seconds;
using Stream = grpc::ClientReaderWriter<pb::UploadAndLinkRequest,
                                        pb::UploadAndLinkResponse>;

constexpr int kStalled = 256;
constexpr int kLive = 32;
constexpr size_t kMiB = 1 << 20;
constexpr size_t kLiveBytes = 24 * kMiB;
constexpr size_t kStalledBytes = 3 * kMiB;
constexpr int64_t kBudget = 128 * kMiB;  // the default of --memory-bytes

// The share of its speed alone that an upload has to reach among callers that
// stall, in the best of so many runs.
constexpr double kFullSpeed = 0.8;
constexpr int kRuns = 5;

// Of the stalled callers' streams on one connection.
constexpr int kStreams = 32;

// What deploy/README.md says that the container must hold, without messages of
// UploadObject: 20 MiB, 1.6 budgets, 0.1 MiB a stream, and 2 MiB for each
// connection that sends at the same time as others, here all of them.
constexpr int64_t kDocumented = 20 * kMiB + kBudget * 8 / 5 +
                                (kStalled + kLive) * kMiB / 10 +
                                2 * (kStalled / kStreams + kLive) * kMiB;

// A caller that sends 1 MiB, and the rest only when it is told to.
struct Stalled {
  grpc::ClientContext context;
  std::unique_ptr<Stream> stream;
  std::vector<pb::UploadAndLinkRequest> messages;
};

class MemoryTest : public ::testing::Test {
 protected:
  MemoryTest() : emulator_({.discard_bytes = true, .etag_md5 = false}) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    gateway_ = std::make_unique<GatewayProcess>(emulator_.endpoint());
  }

  // Sends 1 MiB by as many callers, and leaves them there.
  void Stall() {
    const std::string data = Bytes(kStalledBytes);
    for (int i = 0; i < kStalled; ++i) {
      Stalled& caller = *stalled_.emplace_back(std::make_unique<Stalled>());
      // A few processes with many streams each. A connection keeps a buffer of
      // its own ready, up to 2 MiB of gRPC's.
      if (i % kStreams == 0) stubs_.push_back(gateway_->NewStub());
      caller.context.set_deadline(std::chrono::system_clock::now() +
                                  seconds(300));
      caller.messages =
          MessagesOf(HeaderFor(absl::StrCat("stalled/", i)), data);
      caller.stream = stubs_.back()->UploadAndLink(&caller.context);
      ASSERT_TRUE(caller.stream->Write(caller.messages[0]));
      ASSERT_TRUE(caller.stream->Write(caller.messages[1]));
    }
  }

  // Live uploads at once; the seconds that all of them take.
  double RunLive(GatewayProcess& gateway, const std::string& folder) {
    const std::string data = Bytes(kLiveBytes);
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < kLive; ++i) {
      threads.emplace_back([&, i] {
        const auto stub = gateway.NewStub();
        const CallEnd end =
            Upload(*stub, HeaderFor(absl::StrCat(folder, "/", i)), data);
        EXPECT_TRUE(end.status.ok()) << end.status.error_message();
      });
    }
    for (std::thread& thread : threads) thread.join();
    const std::chrono::duration<double> took =
        std::chrono::steady_clock::now() - start;
    return took.count();
  }

  // Has the stalled callers go on, `at_once` of them at a time.
  void GoOn(int at_once) {
    std::vector<std::thread> threads;
    std::atomic<size_t> next = 0;
    for (int i = 0; i < at_once; ++i) {
      threads.emplace_back([&] {
        for (size_t n = next++; n < stalled_.size(); n = next++) {
          Stalled& caller = *stalled_[n];
          for (size_t i = 2; i < caller.messages.size(); ++i) {
            EXPECT_TRUE(caller.stream->Write(caller.messages[i]));
          }
          caller.stream->WritesDone();
          pb::UploadAndLinkResponse response;
          EXPECT_TRUE(caller.stream->Read(&response));
          const grpc::Status status = caller.stream->Finish();
          EXPECT_TRUE(status.ok()) << status.error_message();
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
  }

  Emulator emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::vector<std::unique_ptr<pb::Staging::Stub>> stubs_;
  std::vector<std::unique_ptr<Stalled>> stalled_;
};

TEST_F(MemoryTest, CallersThatStallStopNobodyAndGoOnWhenTheyWish) {
  GatewayProcess other(emulator_.endpoint());  // without callers that stall
  const double warm = RunLive(other, "warm");
  Stall();
  // While they give way the live ones wait a little, and then never again.
  const double first = RunLive(*gateway_, "first");
  EXPECT_LT(first, warm * 2 + 5);
  // The machine may be busy with something else in any one run.
  double share = 0;
  for (int run = 0; run < kRuns && share < kFullSpeed; ++run) {
    const double alone = RunLive(other, absl::StrCat("alone/", run));
    const double among = RunLive(*gateway_, absl::StrCat("among/", run));
    share = std::max(share, alone / among);
  }
  EXPECT_GE(share, kFullSpeed);
  const int64_t during = gateway_->PeakRssBytes();
  GoOn(kStalled);
  const int64_t after = gateway_->PeakRssBytes();
  std::cout << "warm " << warm << " s, first " << first << " s, then " << share
            << " of the speed alone; peak " << during / kMiB << ", "
            << after / kMiB << " MiB\n";
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(after, kDocumented);
#endif
  const uint32_t crc = Crc32c(Bytes(kStalledBytes));
  for (int i = 0; i < kStalled; ++i) {
    const auto digest = emulator_.DigestObject("quickstart", "main",
                                               absl::StrCat("stalled/", i));
    ASSERT_TRUE(digest.has_value()) << i;
    EXPECT_EQ(digest->size_bytes, kStalledBytes);
    EXPECT_EQ(digest->crc32c, crc);
  }
}

#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
TEST_F(MemoryTest, AMinuteAfterABurstTheMemoryHasGoneBack) {
  constexpr int64_t kAfterwards = 35 * kMiB;
  RunLive(*gateway_, "burst");
  ASSERT_GT(gateway_->RssBytes(), static_cast<int64_t>(50 * kMiB))
      << "nothing to give back";
  // A minute, and what a machine with other work takes.
  const auto until = std::chrono::steady_clock::now() + seconds(100);
  int64_t rss = gateway_->RssBytes();
  while (rss > kAfterwards && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    rss = gateway_->RssBytes();
  }
  EXPECT_LE(rss, kAfterwards);
  RunLive(*gateway_, "again");
}
#endif

// gRPC looks at a message when it has all of it.
TEST(EndlessMessagesTest, TakeNoMoreThanReceiveBytes) {
  Emulator emulator({.discard_bytes = true, .etag_md5 = false});
  ASSERT_TRUE(emulator.Start().ok());
  emulator.CreateRepository("quickstart");
  constexpr int64_t kReceive = 64 * kMiB;
  GatewayProcess gateway(emulator.endpoint(),
                         {absl::StrCat("--receive-bytes=", kReceive)});
  std::atomic<int> broken_off = 0;
  std::vector<std::unique_ptr<EndlessMessage>> callers;
  for (int i = 0; i < 64; ++i) {
    callers.push_back(
        std::make_unique<EndlessMessage>(gateway.address(), 96 * kMiB));
  }
  {
    std::vector<std::jthread> threads;
    for (const auto& caller : callers) {
      threads.emplace_back([&] {
        caller->Send(32 * kMiB);
        broken_off += caller->broken_off();
      });
    }
  }
  const int64_t peak = gateway.PeakRssBytes();
  std::cout << "peak " << peak / kMiB << " MiB, " << broken_off
            << " of 64 broken off\n";
  EXPECT_GT(broken_off, 0);
#ifndef __SANITIZE_ADDRESS__
  // What comes while it is found out who has to go, a socket's buffer each.
  EXPECT_LT(peak, 20 * kMiB + kReceive + 64 * kMiB);
#endif
  // Each could send in frames as large as a chunk.
  EXPECT_EQ(callers.front()->max_frame_bytes(), kMiB);
  callers.clear();
  const CallEnd end = Upload(*gateway.NewStub(), HeaderFor("o"), Bytes(kMiB));
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

}  // namespace
}  // namespace lakefs::gateway::testing
