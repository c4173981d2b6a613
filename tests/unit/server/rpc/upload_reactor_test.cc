#include "gateway/server/rpc/upload_reactor.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include <atomic>
#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/notification.h"
#include "gateway/server/listen/server.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int64_t kPart = 1 << 10;

// Stands still until it is put forward, so that what is told late is not told
// at all. Who waits is looked after by the machine's clock.
class StandingClock final : public Clock {
 public:
  TimePoint Now() const override { return TimePoint(now_.load()); }
  WallTime WallNow() const override {
    return WallTime(std::chrono::seconds(1'700'000'000)) +
           std::chrono::duration_cast<WallTime::duration>(now_.load());
  }
  bool WaitUntil(absl::Mutex& mu, TimePoint until,
                 const absl::Condition& condition) override {
    while (!condition.Eval() && Now() < until) {
      mu.AwaitWithTimeout(condition, absl::Milliseconds(10));
    }
    return condition.Eval();
  }
  void Advance(Duration span) { now_ = now_.load() + span; }

 private:
  std::atomic<Duration> now_{std::chrono::hours(1000)};
};

// The service before fakes, by a clock that a test puts forward.
class UploadReactorTest : public ::testing::Test {
 protected:
  UploadReactorTest() {
    lakefs_.config = {.version = "1.84.0",
                      .blockstore_type = "s3",
                      .pre_sign_support = true,
                      .pre_sign_multipart_upload = true};
    auto server =
        Server::Start({.listen = {"127.0.0.1:0"}}, service_, metrics_);
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
    stub_ = pb::Staging::NewStub(grpc::CreateChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials()));
  }
  ~UploadReactorTest() override { server_->Drain(calls_, seconds(10)); }

  StandingClock clock_;
  Metrics metrics_{"test"};
  FakeLakefs lakefs_;
  FakeStore store_;
  RetryBudget budget_{{}, clock_};
  ServerInfo server_info_{lakefs_, budget_};
  LinkGate gate_;
  LinkLoop link_loop_{lakefs_, budget_, gate_};
  AddressLinker linker_{lakefs_, server_info_, link_loop_, budget_};
  // Takes no task, so that lakeFS is asked by one thread only.
  WorkerPool background_{0, 0};
  WorkerPool part_pool_{2, 2};
  MemoryBudget memory_{64 << 20};
  Spool spool_{SpoolOptions{}};
  UploadRegister register_;
  UploadSession uploads_{{.clock = clock_,
                          .mover = {.lakefs = lakefs_,
                                    .presigned_store = store_,
                                    .lakefs_budget = budget_,
                                    .store_budget = budget_,
                                    .background = background_,
                                    .part_pool = part_pool_,
                                    .spool = spool_,
                                    .plan = {.part_bytes = kPart}},
                          .server_info = server_info_,
                          .link_loop = link_loop_,
                          .memory = memory_,
                          .uploads = register_}};
  WorkerPool unary_pool_{1, 1};
  UploadPlaces places_{4};  // one that was left may be free a little later
  MessageRoom room_{1 << 20};
  CallRunner calls_{clock_, metrics_, nullptr, {}};
  const ServiceDependencies service_{.lakefs = lakefs_,
                                     .lakefs_budget = budget_,
                                     .uploads = uploads_,
                                     .linker = linker_,
                                     .unary_pool = unary_pool_,
                                     .upload_places = places_,
                                     .message_room = room_,
                                     .calls = calls_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<pb::Staging::Stub> stub_;
};

// What takes long, and the phase that an upload is in meanwhile.
struct LongCall {
  std::string call;
  int64_t size_bytes;
  pb::UploadProgress::Phase phase;
};

TEST_F(UploadReactorTest, ProgressIsToldWithin20SecondsWhateverTakesLong) {
  const ObjectStats linked{.path = "o", .physical_address = "A"};
  for (const LongCall& test :
       {LongCall{"address", kPart / 2, pb::UploadProgress::PHASE_UPLOADING},
        LongCall{"complete", 2 * kPart, pb::UploadProgress::PHASE_COMPLETING},
        LongCall{"link", kPart / 2, pb::UploadProgress::PHASE_LINKING}}) {
    SCOPED_TRACE(test.call);
    lakefs_.stats = {FakeLakefs::Stats(std::nullopt)};
    lakefs_.addresses = {
        StagingLocation{.physical_address = "A", .presigned_url = "u"}};
    lakefs_.multiparts = {MultipartUpload{.physical_address = "A",
                                          .presigned_urls = {"1", "2", "3"}}};
    lakefs_.links = {LinkAnswer{.stats = linked}};
    lakefs_.completes = {linked};
    absl::Notification begun;
    absl::Notification go;
    lakefs_.on_call = [&](const std::string& call) {
      if (!call.starts_with(test.call)) return;
      begun.Notify();
      go.WaitForNotification();
    };
    grpc::ClientContext context;
    absl::Notification over;
    std::jthread limit([&] {
      if (!over.WaitForNotificationWithTimeout(absl::Seconds(60))) {
        context.TryCancel();
      }
    });
    const auto stream = stub_->UploadAndLink(&context);
    const absl::Cleanup end = [&] {
      if (!go.HasBeenNotified()) go.Notify();
      over.Notify();
    };
    pb::UploadAndLinkRequest message;
    message.mutable_header()->mutable_object()->set_repository("repo");
    message.mutable_header()->mutable_object()->set_branch("main");
    message.mutable_header()->mutable_object()->set_path("o");
    message.mutable_header()->set_progress(true);
    stream->Write(message);
    message.mutable_chunk()->set_data(
        std::string(static_cast<size_t>(test.size_bytes), 'x'));
    stream->Write(message);
    message.mutable_finish()->set_size_bytes(test.size_bytes);
    stream->Write(message);
    stream->WritesDone();

    pb::UploadAndLinkResponse response;
    ASSERT_TRUE(begun.WaitForNotificationWithTimeout(absl::Seconds(60)));
    // Until there is nothing new to tell.
    const int64_t stored = test.call == "address" ? 0 : test.size_bytes;
    do {
      ASSERT_TRUE(stream->Read(&response));
    } while (response.progress().phase() != test.phase ||
             response.progress().stored_bytes() != stored ||
             response.progress().received_bytes() != test.size_bytes);
    for (int i = 0; i < 3; ++i) {
      // It is looked at every 250 ms by the machine's clock.
      clock_.Advance(seconds(20) - milliseconds(250));
      ASSERT_TRUE(stream->Read(&response)) << "nothing was told in time";
      EXPECT_EQ(response.progress().phase(), test.phase);
      EXPECT_EQ(response.progress().stored_bytes(), stored);
    }
    go.Notify();
    while (stream->Read(&response) && !response.has_result()) {
    }
    const grpc::Status status = stream->Finish();
    EXPECT_TRUE(status.ok()) << status.error_message();
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
