// The memory of the process, whatever its callers do.
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/emulator/emulator.h"
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
    const std::string data = Bytes(3 * kMiB);
    for (int i = 0; i < kStalled; ++i) {
      Stalled& caller = *stalled_.emplace_back(std::make_unique<Stalled>());
      // A few processes with many streams each. A connection keeps a buffer of
      // its own ready, up to 2 MiB of gRPC's.
      if (i % 32 == 0) stubs_.push_back(gateway_->NewStub());
      caller.context.set_deadline(std::chrono::system_clock::now() +
                                  seconds(120));
      caller.messages =
          MessagesOf(HeaderFor(absl::StrCat("stalled/", i)), data);
      caller.stream = stubs_.back()->UploadAndLink(&caller.context);
      ASSERT_TRUE(caller.stream->Write(caller.messages[0]));
      ASSERT_TRUE(caller.stream->Write(caller.messages[1]));
    }
  }

  // Live uploads at once; the time that all of them take.
  std::chrono::duration<double> RunLive(const std::string& folder) {
    const std::string data = Bytes(kLiveBytes);
    const auto start = std::chrono::steady_clock::now();
    std::vector<std::thread> threads;
    for (int i = 0; i < kLive; ++i) {
      threads.emplace_back([&, i] {
        const auto stub = gateway_->NewStub();
        const CallEnd end =
            Upload(*stub, HeaderFor(absl::StrCat(folder, "/", i)), data);
        EXPECT_TRUE(end.status.ok()) << end.status.error_message();
      });
    }
    for (std::thread& thread : threads) thread.join();
    return std::chrono::steady_clock::now() - start;
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
  const auto alone = RunLive("alone");
  const int64_t before = gateway_->PeakRssBytes();
  Stall();
  const auto among = RunLive("among");
  const int64_t during = gateway_->PeakRssBytes();
  GoOn(kStalled);
  const int64_t after = gateway_->PeakRssBytes();
  std::cout << "alone " << alone.count() << " s, among " << among.count()
            << " s; peak " << before / kMiB << ", " << during / kMiB << ", "
            << after / kMiB << " MiB\n";
  [[maybe_unused]] constexpr int64_t kBound =
      20 * kMiB + 192 * kMiB + (kStalled + kLive) * kMiB / 10;
#ifndef __SANITIZE_ADDRESS__  // which keeps what was freed
  EXPECT_LT(after, kBound);
#endif
  for (int i = 0; i < kStalled; ++i) {
    const auto digest = emulator_.DigestObject("quickstart", "main",
                                               absl::StrCat("stalled/", i));
    ASSERT_TRUE(digest.has_value()) << i;
    EXPECT_EQ(digest->size_bytes, 3 * kMiB);
  }
  // While they give way the live ones wait a little, and then never again.
  EXPECT_LT(among.count(), alone.count() * 2 + 5);
}

}  // namespace
}  // namespace lakefs::gateway::testing
