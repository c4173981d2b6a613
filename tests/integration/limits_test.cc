// What one caller may not have too much of: bytes, headers, streams, time.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include "absl/strings/str_cat.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;

class LimitsTest : public ::testing::Test {
 protected:
  LimitsTest() {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
  }

  // An upload with `count` headers of `size` bytes each.
  static CallEnd PutWithHeaders(const GatewayProcess& gateway, int count,
                                size_t size) {
    grpc::ClientContext context;
    for (int i = 0; i < count; ++i) {
      context.AddMetadata(absl::StrCat("x-header-", i), std::string(size, 'v'));
    }
    pb::UploadObjectRequest request;
    *request.mutable_header() = HeaderFor("o");
    pb::UploadObjectResponse response;
    return EndOf(gateway.NewStub()->UploadObject(&context, request, &response));
  }

  Emulator emulator_;
};

TEST_F(LimitsTest, AMessageHasAtMostAChunkAndItsFrame) {
  GatewayProcess gateway(emulator_.endpoint());
  auto stub = gateway.NewStub();
  const CallEnd most = UploadUnary(*stub, HeaderFor("o"), Bytes(4 << 20));
  EXPECT_TRUE(most.status.ok()) << most.status.error_message();
  const CallEnd more = UploadUnary(*stub, HeaderFor("p"), Bytes(5 << 20));
  EXPECT_EQ(more.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(more.status.error_message(), HasSubstr("larger than max"));
}

TEST_F(LimitsTest, MetadataHasAtMost16KiB) {
  GatewayProcess gateway(emulator_.endpoint());
  const CallEnd most = PutWithHeaders(gateway, 1, 12 << 10);
  EXPECT_TRUE(most.status.ok()) << most.status.error_message();
  EXPECT_FALSE(PutWithHeaders(gateway, 1, 17 << 10).status.ok());
}

TEST_F(LimitsTest, ACallHasAtMostAHundredHeaders) {
  GatewayProcess gateway(emulator_.endpoint());
  const CallEnd most = PutWithHeaders(gateway, 90, 1);
  EXPECT_TRUE(most.status.ok()) << most.status.error_message();
  const CallEnd more = PutWithHeaders(gateway, 101, 1);
  EXPECT_EQ(more.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(more.reason, "INVALID_REQUEST");
  ASSERT_TRUE(more.bad_request);
  EXPECT_EQ(more.bad_request->field_violations(0).field(), "metadata");
}

TEST_F(LimitsTest, OneConnectionHasNoMoreStreamsThanAllowed) {
  GatewayProcess gateway(emulator_.endpoint(), {"--max-streams=1"});
  auto stub = gateway.NewStub();
  grpc::ClientContext context;
  auto stream = stub->UploadAndLink(&context);
  const auto messages = MessagesOf(HeaderFor("o"), "x");
  ASSERT_TRUE(stream->Write(messages[0]));
  constexpr std::chrono::milliseconds kShort{500};
  const CallEnd waits = UploadUnary(*stub, HeaderFor("p"), "x", kShort);
  EXPECT_EQ(waits.status.error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(waits.reason, "") << "it got to the gateway";
  auto other = gateway.NewStub();
  EXPECT_TRUE(UploadUnary(*other, HeaderFor("q"), "x").status.ok())
      << "another connection was kept waiting";
  for (size_t i = 1; i < messages.size(); ++i) stream->Write(messages[i]);
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
}

TEST_F(LimitsTest, AConnectionWithoutCallsIsClosed) {
  GatewayProcess gateway(emulator_.endpoint(), {"--idle-timeout=1s"});
  const auto channel = grpc::CreateChannel(gateway.address(),
                                           grpc::InsecureChannelCredentials());
  auto stub = pb::Staging::NewStub(channel);
  ASSERT_TRUE(UploadUnary(*stub, HeaderFor("o"), "x").status.ok());
  EXPECT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY,
      std::chrono::system_clock::now() + std::chrono::seconds(20)))
      << "still open";
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
}

}  // namespace
}  // namespace lakefs::gateway::testing
