// The service before fakes.
#pragma once

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include <atomic>
#include <memory>

#include "gateway/server/listen/server.h"
#include "tests/testing/fake_lakefs.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {

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
class ServedByFakes : public ::testing::Test {
 protected:
  static constexpr int64_t kPartBytes = 1 << 10;
  static constexpr int64_t kRoomBytes = 1 << 10;

  ServedByFakes() {
    lakefs_.config = {.version = "1.84.0",
                      .blockstore_type = "s3",
                      .pre_sign_support = true,
                      .pre_sign_multipart_upload = true};
    auto server =
        Server::Start({.listen = {"127.0.0.1:0"}}, service_, metrics_);
    EXPECT_THAT(server, IsOk());
    server_ = *std::move(server);
    stub_ = ::lakefs::staging::v1::Staging::NewStub(grpc::CreateChannel(
        server_->addresses()[0], grpc::InsecureChannelCredentials()));
  }
  ~ServedByFakes() override {
    server_->Drain(calls_, std::chrono::seconds(10));
  }

  StandingClock clock_;
  Metrics metrics_{"test"};
  FakeLakefs lakefs_;
  FakeStore store_;
  RetryBudget budget_{{}, clock_};
  ServerInfo server_info_{lakefs_, budget_};
  LinkGate gate_;
  LinkLoop link_loop_{lakefs_, budget_, gate_};
  AddressLinker linker_{server_info_, link_loop_};
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
                                    .plan = {.part_bytes = kPartBytes}},
                          .server_info = server_info_,
                          .link_loop = link_loop_,
                          .memory = memory_,
                          .uploads = register_}};
  WorkerPool unary_pool_{1, 1};
  WorkerPool many_pool_{1, 1};
  UploadPlaces places_{4};  // one that was left may be free a little later
  MessageRoom room_{kRoomBytes};
  CallRunner calls_{clock_, metrics_, nullptr, {}};
  const ServiceDependencies service_{.lakefs = lakefs_,
                                     .lakefs_budget = budget_,
                                     .uploads = uploads_,
                                     .linker = linker_,
                                     .memory = memory_,
                                     .unary_pool = unary_pool_,
                                     .many_pool = many_pool_,
                                     .upload_places = places_,
                                     .message_room = room_,
                                     .calls = calls_};
  std::unique_ptr<Server> server_;
  std::unique_ptr<::lakefs::staging::v1::Staging::Stub> stub_;
};

}  // namespace lakefs::gateway::testing
