// What one caller may not have too much of: bytes, headers, streams, time.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/certificates.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/http_get.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;
using ::testing::Pair;

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
  for (const size_t size : {(4U << 20) + 1, 15U << 20}) {
    const CallEnd more = UploadUnary(*stub, HeaderFor("p"), Bytes(size));
    EXPECT_EQ(more.status.error_code(), grpc::INVALID_ARGUMENT);
    EXPECT_EQ(more.reason, "INVALID_REQUEST");
    ASSERT_TRUE(more.bad_request);
    EXPECT_EQ(more.bad_request->field_violations(0).field(), "data");
    ASSERT_TRUE(more.failure);
    EXPECT_EQ(more.failure->advice(), pb::UploadFailure::ADVICE_FIX_REQUEST);
  }
  // Of what is larger yet gRPC tells nothing to the gateway.
  const CallEnd largest =
      UploadUnary(*stub, HeaderFor("p"), Bytes(17 << 20));
  EXPECT_EQ(largest.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_THAT(largest.status.error_message(), HasSubstr("larger than max"));
}

TEST_F(LimitsTest, AChunkThatIsTooLargeIsRefusedWithAReason) {
  GatewayProcess gateway(emulator_.endpoint());
  auto messages = MessagesOf(HeaderFor("o"), "x");
  messages[1].mutable_chunk()->set_data(Bytes(5 << 20));
  const CallEnd end = Send(*gateway.NewStub(), messages);
  EXPECT_EQ(end.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(end.status.error_message(), HasSubstr("chunk"));
  EXPECT_TRUE(end.failure);
}

// They would be unpacked whole before anybody could look at their size.
TEST_F(LimitsTest, CompressedMessagesAreRefused) {
  GatewayProcess gateway(emulator_.endpoint());
  for (const auto algorithm : {GRPC_COMPRESS_GZIP, GRPC_COMPRESS_DEFLATE}) {
    grpc::ClientContext context;
    context.set_compression_algorithm(algorithm);
    pb::UploadObjectRequest request;
    *request.mutable_header() = HeaderFor("o");
    request.set_data(std::string(1 << 20, 'x'));
    pb::UploadObjectResponse response;
    const grpc::Status status =
        gateway.NewStub()->UploadObject(&context, request, &response);
    EXPECT_EQ(status.error_code(), grpc::UNIMPLEMENTED);
    EXPECT_THAT(status.error_message(), HasSubstr("is disabled"));
  }
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

TEST_F(LimitsTest, MoreConnectionsThanAllowedAreClosed) {
  for (const bool by_socket : {false, true}) {
    char name[] = "/tmp/limits-test-XXXXXX";
    const std::string folder = mkdtemp(name);
    const std::string socket = absl::StrCat("unix:", folder, "/socket");
    GatewayProcess gateway(emulator_.endpoint(),
                           {"--max-connections=2", "--listen=" + socket});
    const auto connect = [&] {
      grpc::ChannelArguments arguments;
      arguments.SetInt("grpc.use_local_subchannel_pool", 1);
      return pb::Staging::NewStub(grpc::CreateCustomChannel(
          by_socket ? socket : gateway.address(),
          grpc::InsecureChannelCredentials(), arguments));
    };
    const auto put = [](pb::Staging::Stub& stub) {
      return UploadUnary(stub, HeaderFor("o"), "x").status.error_code();
    };
    auto first = connect();
    auto second = connect();
    EXPECT_EQ(put(*first), grpc::OK);
    EXPECT_EQ(put(*second), grpc::OK);
    EXPECT_EQ(put(*connect()), grpc::UNAVAILABLE);
    EXPECT_EQ(put(*first), grpc::OK) << "who was there is served on";
    EXPECT_THAT(
        Fetch(absl::StrCat("http://", gateway.admin(), "/metrics")),
        Pair(200, ::testing::ContainsRegex("connections_refused_total [1-9]")));
    first.reset();
    auto code = grpc::UNAVAILABLE;
    for (int i = 0; i < 100 && code != grpc::OK; ++i) code = put(*connect());
    EXPECT_EQ(code, grpc::OK) << "the room of a closed one is not given again";
    std::filesystem::remove_all(folder);
  }
}

TEST_F(LimitsTest, AConnectionThatSaysNothingIsClosed) {
  char name[] = "/tmp/limits-test-XXXXXX";
  Certificates certificates(mkdtemp(name));
  certificates.Issue("gateway", "DNS:gateway.test");
  const std::vector<std::string> ways[] = {
      {"--idle-timeout=1s"},
      {"--idle-timeout=1s", "--tls-cert=" + certificates.Pem("gateway"),
       "--tls-key=" + certificates.Key("gateway")}};
  for (const std::vector<std::string>& flags : ways) {
    GatewayProcess gateway(emulator_.endpoint(), flags);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(
        std::stoi(gateway.address().substr(gateway.address().rfind(':') + 1)));
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ASSERT_EQ(
        connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    const timeval limit{15, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    char buffer[256];
    ssize_t n = 0;
    do {
      n = read(fd, buffer, sizeof(buffer));
    } while (n > 0);
    EXPECT_TRUE(n == 0 || errno == ECONNRESET)
        << "still open, with " << flags.size() << " flags";
    close(fd);
  }
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
