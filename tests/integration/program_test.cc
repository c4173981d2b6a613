// The gateway as a program: its listeners, its health, its end.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <sys/stat.h>

#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/places.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;

class ProgramTest : public ::testing::Test {
 protected:
  ProgramTest() {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    char name[] = "/tmp/program-test-XXXXXX";
    folder_ = mkdtemp(name);
  }
  ~ProgramTest() override { std::filesystem::remove_all(folder_); }

  std::string Keys() const {
    return absl::StrCat("LAKECTL_SERVER_ENDPOINT_URL=", emulator_.endpoint(),
                        " LAKECTL_CREDENTIALS_ACCESS_KEY_ID=a"
                        " LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=b"
                        " LAKEFS_STAGING_ADMIN_LISTEN=off");
  }

  Emulator emulator_;
  std::string folder_;
};

TEST_F(ProgramTest, AUnixSocketIsForItsOwnerAloneAndGoesAwayAtTheEnd) {
  const std::string path = folder_ + "/gateway.sock";
  {
    GatewayProcess gateway(emulator_.endpoint(), {"--listen=unix:" + path});
    struct stat info {};
    ASSERT_EQ(stat(path.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    auto stub = pb::Staging::NewStub(grpc::CreateChannel(
        "unix:" + path, grpc::InsecureChannelCredentials()));
    EXPECT_TRUE(UploadUnary(*stub, HeaderFor("o"), "x").status.ok());
    EXPECT_TRUE(
        UploadUnary(*gateway.NewStub(), HeaderFor("p"), "x").status.ok())
        << "both are served";
    const auto [code, output] =
        RunGatewayToEnd("--listen=unix:" + path, Keys());
    EXPECT_EQ(code, 2);
    EXPECT_THAT(output, HasSubstr("another server is using it"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

// What health checks say, and what they ask: HealthCheckRequest{service}.
constexpr char kServing[] = "\x08\x01";
constexpr char kNotServing[] = "\x08\x02";
constexpr char kOfTheService[] = "\x0a\x19lakefs.staging.v1.Staging";

grpc::ByteBuffer BufferOf(const std::string& bytes) {
  const grpc::Slice slice(bytes);
  return grpc::ByteBuffer(&slice, 1);
}

std::string BytesOf(const grpc::ByteBuffer& buffer) {
  grpc::Slice bytes;
  EXPECT_TRUE(buffer.TrySingleSlice(&bytes).ok());
  return std::string(bytes.begin(), bytes.end());
}

// A Watch of the service's health, whose answers are read one by one.
class HealthWatch final
    : public grpc::ClientBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer> {
 public:
  explicit HealthWatch(grpc::GenericStub& stub)
      : request_(BufferOf(kOfTheService)) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    stub.PrepareBidiStreamingCall(&context_, "/grpc.health.v1.Health/Watch",
                                  grpc::StubOptions(), this);
    StartWriteLast(&request_, grpc::WriteOptions());
    StartRead(&answer_);
    StartCall();
  }
  ~HealthWatch() override {
    context_.TryCancel();
    done_.WaitForNotification();
  }

  // Waits for the next answer; "" if there is none.
  std::string Next() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&has_read_));
    const std::string answer = ok_ ? BytesOf(answer_) : "";
    has_read_ = false;
    if (ok_) StartRead(&answer_);
    return answer;
  }

  void OnReadDone(bool ok) override {
    absl::MutexLock lock(&mu_);
    ok_ = ok;
    has_read_ = true;
  }
  void OnDone(const grpc::Status&) override { done_.Notify(); }

 private:
  grpc::ClientContext context_;
  grpc::ByteBuffer request_;
  grpc::ByteBuffer answer_;
  absl::Mutex mu_;
  bool ok_ = false;
  bool has_read_ = false;
  absl::Notification done_;
};

TEST_F(ProgramTest, HealthReflectionAndChannelzAreServed) {
  GatewayProcess gateway(emulator_.endpoint());
  const auto channel = grpc::CreateChannel(gateway.address(),
                                           grpc::InsecureChannelCredentials());
  grpc::GenericStub stub(channel);
  // Calls a method; returns the reply's bytes.
  const auto call = [&stub](const std::string& method,
                            const std::string& message = "") {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() +
                         std::chrono::seconds(60));
    const grpc::ByteBuffer request = BufferOf(message);
    grpc::ByteBuffer reply;
    absl::Notification done;
    stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &reply,
                   [&](const grpc::Status& status) {
                     EXPECT_TRUE(status.ok())
                         << method << ": " << status.error_message();
                     done.Notify();
                   });
    done.WaitForNotification();
    return BytesOf(reply);
  };
  EXPECT_EQ(call("/grpc.health.v1.Health/Check"), kServing);
  EXPECT_EQ(call("/grpc.health.v1.Health/Check", kOfTheService), kServing);
  EXPECT_NE(
      call("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"),
      "");
  EXPECT_THAT(call("/grpc.channelz.v1.Channelz/GetServers"),
              HasSubstr("Server created"));
}

TEST_F(ProgramTest, AnUploadUnderWayIsFinishedBeforeTheEnd) {
  grpc::ClientContext context;
  std::unique_ptr<pb::Staging::Stub> stub;
  CallEnd end;
  std::thread finisher;
  {
    GatewayProcess gateway(emulator_.endpoint());
    stub = gateway.NewStub();
    const auto messages = MessagesOf(HeaderFor("drained"), Bytes(3 << 20));
    auto stream = stub->UploadAndLink(&context);
    for (size_t i = 0; i + 1 < messages.size(); ++i) {
      ASSERT_TRUE(stream->Write(messages[i]));
    }
    // A call that the gateway has answered shows that the stream is there too.
    ASSERT_TRUE(UploadUnary(*stub, HeaderFor("o"), "x").status.ok());
    finisher = std::thread([&end, stream = std::move(stream), messages] {
      std::this_thread::sleep_for(std::chrono::milliseconds(300));
      stream->Write(messages.back());
      stream->WritesDone();
      pb::UploadAndLinkResponse response;
      while (stream->Read(&response)) {
        if (response.has_result()) end.result = response.result();
      }
      end.status = stream->Finish();
    });
  }  // SIGTERM, and the wait for a good end
  finisher.join();
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_TRUE(emulator_.ReadObject("quickstart", "main", "drained") ==
              Bytes(3 << 20));
}

TEST_F(ProgramTest, TheServiceIsNotServingWhileTheGatewayDrains) {
  GatewayProcess gateway(emulator_.endpoint());
  const auto stub = gateway.NewStub();
  grpc::ClientContext context;
  const auto stream = stub->UploadAndLink(&context);
  const auto messages = MessagesOf(HeaderFor("o"), "x");
  ASSERT_TRUE(stream->Write(messages[0]));
  // A call that the gateway has answered shows that the stream is there too.
  ASSERT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
  grpc::GenericStub generic(grpc::CreateChannel(
      gateway.address(), grpc::InsecureChannelCredentials()));
  HealthWatch watch(generic);
  EXPECT_EQ(watch.Next(), kServing);
  gateway.Terminate();
  EXPECT_EQ(watch.Next(), kNotServing);
  for (size_t i = 1; i < messages.size(); ++i) stream->Write(messages[i]);
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  while (stream->Read(&response)) {
  }
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ProgramTest, AConnectionThatIsOldTakesNoCallAndCutsNoneOff) {
  GatewayProcess gateway(emulator_.endpoint(), {"--max-connection-age=1s"});
  const auto channel = grpc::CreateChannel(gateway.address(),
                                           grpc::InsecureChannelCredentials());
  const auto stub = pb::Staging::NewStub(channel);
  grpc::ClientContext context;
  const auto stream = stub->UploadAndLink(&context);
  const auto messages = MessagesOf(HeaderFor("o"), "x");
  ASSERT_TRUE(stream->Write(messages[0]));
  // The client leaves the connection to the call that is on it.
  ASSERT_TRUE(channel->WaitForStateChange(
      GRPC_CHANNEL_READY,
      std::chrono::system_clock::now() + std::chrono::seconds(60)));
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok())
      << "by another connection";
  for (size_t i = 1; i < messages.size(); ++i) {
    EXPECT_TRUE(stream->Write(messages[i]));
  }
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_TRUE(status.ok()) << status.error_message();
  EXPECT_EQ(response.result().outcome(), pb::OUTCOME_COMMITTED);
}

TEST_F(ProgramTest, AnUploadThatDoesNotEndIsCancelledWhenTheGraceIsOver) {
  grpc::ClientContext context;
  std::unique_ptr<pb::Staging::Stub> stub;
  std::unique_ptr<grpc::ClientReaderWriter<pb::UploadAndLinkRequest,
                                           pb::UploadAndLinkResponse>>
      stream;
  {
    GatewayProcess gateway(emulator_.endpoint(), {"--drain-timeout=100ms"});
    stub = gateway.NewStub();
    stream = stub->UploadAndLink(&context);
    ASSERT_TRUE(stream->Write(MessagesOf(HeaderFor("o"), "x")[0]));
    ASSERT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
  }
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_EQ(emulator_.ReadObject("quickstart", "main", "o"), std::nullopt);
}

TEST_F(ProgramTest, AStreamWithoutAHeaderHoldsNoDrainUp) {
  std::unique_ptr<pb::Staging::Stub> stub;
  grpc::ClientContext context;
  std::unique_ptr<grpc::ClientReaderWriter<pb::UploadAndLinkRequest,
                                           pb::UploadAndLinkResponse>>
      stream;
  const auto start = std::chrono::steady_clock::now();
  {
    GatewayProcess gateway(emulator_.endpoint(), {"--drain-timeout=1s"});
    stub = gateway.NewStub();
    stream = stub->UploadAndLink(&context);
    ASSERT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
  }
  const CallEnd end = EndOf(stream->Finish());
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(end.reason, "DRAINING");
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(10));
}

TEST_F(ProgramTest, AStreamWithoutAHeaderIsEndedAfterHalfAMinute) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the release build waits for it";
#endif
  GatewayProcess gateway(emulator_.endpoint());
  const auto stub = gateway.NewStub();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  const auto stream = stub->UploadAndLink(&context);
  const CallEnd end = EndOf(stream->Finish());
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(end.reason, "INCOMPLETE_UPLOAD");
  EXPECT_THAT(end.status.error_message(), HasSubstr("no header came"));
}

// They are in memory before their callers could be held up.
TEST_F(ProgramTest, MessagesOfUploadObjectHaveABoundOfTheirOwn) {
  GatewayProcess gateway(emulator_.endpoint(), {"--memory-bytes=16777216"});
  Fault stall;
  stall.operation = "storePut";
  stall.kind = Fault::Kind::kStall;
  stall.delay = std::chrono::seconds(2);
  stall.times = 2;
  emulator_.AddFault(stall);
  const std::string data = Bytes(4 << 20);
  std::vector<std::jthread> callers;
  for (const char* path : {"a", "b"}) {
    callers.emplace_back([&, path] {
      const auto stub = gateway.NewStub();
      EXPECT_TRUE(UploadUnary(*stub, HeaderFor(path), data).status.ok());
    });
  }
  const auto stub = gateway.NewStub();
  while (emulator_.UnconsumedFaults().size() > 0) std::this_thread::yield();
  const CallEnd refused = UploadUnary(*stub, HeaderFor("c"), data);
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason, "TOO_MANY_UPLOADS");
  callers.clear();
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("c"), data).status.ok());
}

TEST_F(ProgramTest, MoreUploadsThanAllowedAreRefusedNotQueued) {
  GatewayProcess gateway(emulator_.endpoint(), {"--max-uploads=1"});
  auto stub = gateway.NewStub();
  grpc::ClientContext context;
  auto first = stub->UploadAndLink(&context);
  const auto messages = MessagesOf(HeaderFor("o"), "x");
  ASSERT_TRUE(first->Write(messages[0]));
  ASSERT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
  const CallEnd refused = Upload(*stub, HeaderFor("q"), "x");
  EXPECT_EQ(refused.status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(refused.reason, "TOO_MANY_UPLOADS");
  first->Write(messages[1]);
  first->Write(messages[2]);
  first->WritesDone();
  pb::UploadAndLinkResponse response;
  while (first->Read(&response)) {
  }
  EXPECT_TRUE(first->Finish().ok());
}

TEST_F(ProgramTest, ACallerThatVanishesLeavesNothingLinked) {
  GatewayProcess gateway(emulator_.endpoint());
  auto stub = gateway.NewStub();
  {
    grpc::ClientContext context;
    auto stream = stub->UploadAndLink(&context);
    for (const auto& message : MessagesOf(HeaderFor("o"), Bytes(2 << 20))) {
      if (!message.has_finish()) stream->Write(message);
    }
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  ASSERT_TRUE(UploadUnary(*stub, HeaderFor("p"), "x").status.ok());
  EXPECT_EQ(emulator_.ListPaths("quickstart", "main"),
            std::vector<std::string>{"p"});
}

TEST_F(ProgramTest, MistakesAtTheStartAreOneLineThatNamesThem) {
  const std::tuple<const char*, bool, const char*> cases[] = {
      {"--nosuch", true, "--nosuch"},
      {"", false, "lakefs-endpoint is missing"},
      {"--listen=0.0.0.0:0", true, "--listen=0.0.0.0:0: only loopback"},
      {"--listen=127.0.0.1:99999", true, "--listen=127.0.0.1:99999"},
      {"--listen=unix:/nonexistent/x.sock", true,
       "/nonexistent/x.sock: cannot listen there: No such file or directory"},
      {"--spool-dir=/nonexistent", true,
       "--spool-dir: /nonexistent cannot be written to: No such file"},
      {"--spool-dir=/etc/passwd", true,
       "--spool-dir: /etc/passwd cannot be written to: Not a directory"},
      {"--local-store=/a=/nonexistent", true,
       "--local-store: /nonexistent cannot be written to: No such file"},
      {"--listen=unix:/etc/passwd", true, "is not a socket"},
  };
  for (const auto& [arguments, keys, message] : cases) {
    const auto [code, output] = RunGatewayToEnd(arguments, keys ? Keys() : "");
    EXPECT_EQ(code, 2) << arguments;
    EXPECT_THAT(output, HasSubstr(message));
    EXPECT_THAT(output, HasSubstr("lakefs-staging-gateway: "));
  }
  GatewayProcess gateway(emulator_.endpoint());
  const auto [code, output] =
      RunGatewayToEnd("--listen=" + gateway.address(), Keys());
  EXPECT_EQ(code, 2);
  EXPECT_THAT(output, HasSubstr("--listen=" + gateway.address() +
                                ": cannot listen there: Address already in "
                                "use"));
  const auto [admin_code, admin_output] = RunGatewayToEnd(
      "--listen=127.0.0.1:0 --admin-listen=" + gateway.admin(), Keys());
  EXPECT_EQ(admin_code, 2);
  EXPECT_THAT(admin_output,
              HasSubstr("--admin-listen=" + gateway.admin() +
                        ": cannot listen there: Address already in use"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
