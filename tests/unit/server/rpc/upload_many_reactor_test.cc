#include "gateway/server/rpc/upload_many_reactor.h"

#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "gateway/server/rpc/status_details.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "tests/unit/server/rpc/served_by_fakes.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using Door = MemoryBudget::Door;

class UploadManyReactorTest : public ServedByFakes {
 protected:
  UploadManyReactorTest() {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    stream_ = stub_->UploadMany(&context_);
  }

  // What lakeFS answers to so many objects.
  void Script(int objects) {
    for (int i = 0; i < objects; ++i) {
      lakefs_.stats.push_back(std::nullopt);
      lakefs_.addresses.push_back(
          StagingLocation{.physical_address = "A", .presigned_url = "u"});
      lakefs_.links.push_back(LinkAnswer{
          .stats = ObjectStats{.path = "o", .physical_address = "A"}});
    }
  }

  bool Send(uint64_t id, size_t bytes) {
    pb::UploadManyRequest request;
    request.set_id(id);
    auto& object = *request.mutable_header()->mutable_object();
    object.set_repository("repo");
    object.set_branch("main");
    object.set_path(absl::StrCat(id));
    request.set_data(std::string(bytes, 'x'));
    return stream_->Write(request);
  }

  // The reasons of all answers, by id; "" is a result.
  std::map<uint64_t, std::string> ReadAll() {
    std::map<uint64_t, std::string> reasons;
    pb::UploadManyResponse response;
    while (stream_->Read(&response)) {
      std::string& reason = reasons[response.id()];
      google::rpc::Status status;
      status.ParseFromString(response.status());
      for (const auto& detail : status.details()) {
        google::rpc::ErrorInfo info;
        if (detail.UnpackTo(&info)) reason = info.reason();
      }
    }
    return reasons;
  }

  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<pb::UploadManyRequest, pb::UploadManyResponse>>
      stream_;
};

TEST_F(UploadManyReactorTest, AnObjectWaitsForMemoryAndIsNotRefused) {
  const CallContext others(clock_, clock_.Now() + std::chrono::hours(1), "x");
  const int64_t all = memory_.LargestPart();
  auto taken = memory_.Reserve(others, Door::kSmall, all);
  ASSERT_THAT(taken, IsOk());
  Script(3);
  ASSERT_TRUE(Send(0, kRoomBytes));
  while (memory_.waiting() == 0) std::this_thread::yield();
  // Is not read: it would wait in the pool, or be refused.
  ASSERT_TRUE(Send(1, 1));
  ASSERT_TRUE(Send(2, 1));
  stream_->WritesDone();
  EXPECT_EQ(memory_.waiting(), 1);
  EXPECT_EQ(many_pool_.waiting(), 0);
  taken->Release();
  EXPECT_EQ(ReadAll(),
            (std::map<uint64_t, std::string>{{0, ""}, {1, ""}, {2, ""}}));
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_EQ(memory_.used_bytes(), 0);
}

TEST_F(UploadManyReactorTest, OneObjectOfAStreamWaitsForAThread) {
  absl::Notification busy;
  absl::Notification go;
  ASSERT_TRUE(many_pool_.TryRun([&] {
    busy.Notify();
    go.WaitForNotification();
  }));
  busy.WaitForNotification();
  Script(3);
  for (const uint64_t id : {0U, 1U, 2U}) ASSERT_TRUE(Send(id, 1));
  stream_->WritesDone();
  // The pool has room for one more to wait: a second one would be refused.
  while (many_pool_.waiting() == 0) std::this_thread::yield();
  go.Notify();
  EXPECT_EQ(ReadAll(),
            (std::map<uint64_t, std::string>{{0, ""}, {1, ""}, {2, ""}}));
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(UploadManyReactorTest, AMessageForWhichOthersLeaveNoRoomIsRefused) {
  ASSERT_TRUE(room_.TryTake(kRoomBytes));
  Script(2);
  ASSERT_TRUE(Send(0, 1));
  stream_->WritesDone();
  EXPECT_EQ(ReadAll(),
            (std::map<uint64_t, std::string>{{0, "TOO_MANY_UPLOADS"}}));
  EXPECT_TRUE(stream_->Finish().ok());
}

TEST_F(UploadManyReactorTest, TheRoomOfAMessageIsGivenBack) {
  // More in all than the room has.
  Script(5);
  for (uint64_t id = 0; id < 5; ++id) ASSERT_TRUE(Send(id, kRoomBytes / 2));
  stream_->WritesDone();
  for (const auto& [id, reason] : ReadAll()) EXPECT_EQ(reason, "") << id;
  EXPECT_TRUE(stream_->Finish().ok());
  EXPECT_TRUE(room_.TryTake(kRoomBytes));
}

TEST_F(UploadManyReactorTest, TheStreamIsRefusedWhileTheGatewayDrains) {
  calls_.StartDraining();
  grpc::ClientContext context;
  const auto stream = stub_->UploadMany(&context);
  pb::UploadManyResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
}

}  // namespace
}  // namespace lakefs::gateway::testing
