#include "gateway/server/rpc/upload_reactor.h"

#include <thread>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/notification.h"
#include "tests/unit/server/rpc/served_by_fakes.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

class UploadReactorTest : public ServedByFakes {
 protected:
  static constexpr int64_t kPart = kPartBytes;
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
