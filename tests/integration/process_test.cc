// What the system does not let the gateway have: threads, descriptors, disk.
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/endless_message.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/places.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;
using Stream = grpc::ClientReaderWriter<pb::UploadAndLinkRequest,
                                        pb::UploadAndLinkResponse>;

// A user of whom nothing else runs, so that limits of users are the gateway's:
// one for each process of tests, since these run side by side.
const std::vector<std::string> kAsAnother = {
    "/usr/bin/setpriv", absl::StrCat("--reuid=", 1'000'000 + getpid()),
    "--regid=64321", "--clear-groups"};

// The sanitizer has threads of its own.
bool CanBeAnother() {
#ifdef __SANITIZE_ADDRESS__
  return false;
#else
  return getuid() == 0 && OthersCanRunPrograms();
#endif
}

std::vector<std::string> Limited(const std::string& limit,
                                 std::vector<std::string> command = {}) {
  command.insert(command.begin(), {"/usr/bin/prlimit", limit});
  return command;
}

// A program of the same user that has as many threads.
class OtherThreads {
 public:
  explicit OtherThreads(int count) {
    const std::string command =
        absl::StrCat("exec ", absl::StrJoin(kAsAnother, " "),
                     " /usr/bin/python3 -c 'import os, threading as t\n"
                     "for _ in range(",
                     count - 1,
                     "): t.Thread(target=t.Event().wait).start()\n"
                     "print(os.getpid(), flush=True)'");
    output_ = popen(command.c_str(), "r");
    EXPECT_EQ(fscanf(output_, "%d", &pid_), 1);
  }
  ~OtherThreads() {
    if (pid_ > 0) kill(pid_, SIGKILL);
    pclose(output_);
  }

 private:
  FILE* output_ = nullptr;
  pid_t pid_ = 0;
};

// A stream that has sent its header, and a byte.
class Caller {
 public:
  Caller(pb::Staging::Stub& stub, const std::string& path) {
    pb::UploadHeader header = HeaderFor(path);
    header.set_progress(true);
    messages_ = MessagesOf(header, "x");
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
    stream_ = stub.UploadAndLink(&context_);
    stream_->Write(messages_[0]);
    stream_->Write(messages_[1]);
  }

  // Waits until it is known whether the gateway has taken it.
  bool IsTaken() {
    pb::UploadAndLinkResponse response;
    return stream_->Read(&response);
  }

  // Sends the rest.
  CallEnd Finish() {
    for (size_t i = 2; i < messages_.size(); ++i) stream_->Write(messages_[i]);
    stream_->WritesDone();
    pb::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
    }
    return EndOf(stream_->Finish());
  }

 private:
  grpc::ClientContext context_;
  std::vector<pb::UploadAndLinkRequest> messages_;
  std::unique_ptr<Stream> stream_;
};

class ProcessTest : public ::testing::Test {
 protected:
  ProcessTest() {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
  }

  // Starts as many streams at once, on a few connections, and finishes those
  // that are taken. Returns how many were; the others must have been refused
  // rightly.
  int UploadAtOnce(const GatewayProcess& gateway, int streams,
                   const std::string& folder) {
    std::vector<std::unique_ptr<pb::Staging::Stub>> stubs;
    std::vector<std::unique_ptr<Caller>> callers;
    for (int i = 0; i < streams; ++i) {
      if (i % 16 == 0) stubs.push_back(gateway.NewStub());
      callers.push_back(std::make_unique<Caller>(*stubs.back(),
                                                 absl::StrCat(folder, "/", i)));
    }
    int taken = 0;
    std::vector<bool> is_taken;
    for (const auto& caller : callers) is_taken.push_back(caller->IsTaken());
    for (int i = 0; i < streams; ++i) {
      const CallEnd end = callers[i]->Finish();
      taken += is_taken[i];
      if (is_taken[i]) {
        EXPECT_TRUE(end.status.ok()) << end.status.error_message();
        continue;
      }
      EXPECT_EQ(end.status.error_code(), grpc::RESOURCE_EXHAUSTED)
          << end.status.error_message();
      EXPECT_EQ(end.reason, "TOO_MANY_UPLOADS");
      EXPECT_THAT(end.status.error_message(), HasSubstr("the system lets"));
    }
    return taken;
  }

  Emulator emulator_;
};

TEST_F(ProcessTest, WithFewThreadsTheSurplusIsRefusedAndTheOthersGoOn) {
  if (!CanBeAnother()) GTEST_SKIP() << "needs another user";
  GatewayProcess gateway(emulator_.endpoint(), {}, {},
                         Limited("--nproc=70", kAsAnother));
  for (const char* folder : {"first", "again"}) {
    const int taken = UploadAtOnce(gateway, 60, folder);
    EXPECT_GE(taken, 3);
    EXPECT_LT(taken, 60);
  }
  const auto stub = gateway.NewStub();
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("o"), "x").status.ok());
  EXPECT_TRUE(Upload(*stub, HeaderFor("large"), Bytes(20 << 20)).status.ok());
  EXPECT_THAT(gateway.Log(), HasSubstr("threads are limited"));
}

// Others of its user may take all threads at any moment. gRPC, which is refused
// one then, never serves some of the calls that come later, and never ends.
TEST_F(ProcessTest, ThreadsThatOthersTakeAreMissedOnlyWhileTheyHaveThem) {
  if (!CanBeAnother()) GTEST_SKIP() << "needs another user";
  for (const bool has_served : {false, true}) {
    SCOPED_TRACE(has_served ? "in the middle" : "at the start");
    GatewayProcess gateway(emulator_.endpoint(), {}, {},
                           Limited("--nproc=150", kAsAnother));
    if (has_served) {
      EXPECT_EQ(UploadAtOnce(gateway, 4, "before"), 4);
    }
    auto others = std::make_unique<OtherThreads>(150);
    EXPECT_GE(UploadAtOnce(gateway, 40, "without"), 1);
    const auto stub = gateway.NewStub();
    for (int i = 0; i < 40; ++i) {
      const CallEnd end = UploadUnary(*stub, HeaderFor("o"), "x");
      EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    }
    others.reset();
    int taken = 0;
    for (int i = 0; i < 100 && taken < 40; ++i) {
      taken = UploadAtOnce(gateway, 40, "after");
    }
    EXPECT_EQ(taken, 40);
  }
}

TEST_F(ProcessTest, WithoutTheThreadsThatItNeedsItDoesNotStart) {
  if (!CanBeAnother()) GTEST_SKIP() << "needs another user";
  const auto [code, output] = RunGatewayToEnd(
      "--listen=127.0.0.1:0 --admin-listen=off --log-level=error",
      absl::StrCat("LAKECTL_SERVER_ENDPOINT_URL=", emulator_.endpoint(),
                   " LAKECTL_CREDENTIALS_ACCESS_KEY_ID=a"
                   " LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=b"),
      absl::StrJoin(Limited("--nproc=8", kAsAnother), " "));
  EXPECT_EQ(code, 2);
  EXPECT_THAT(output, ::testing::MatchesRegex(
                          "lakefs-staging-gateway: [^\n]*start 7 threads at "
                          "most[^\n]*RLIMIT_NPROC[^\n]*\n"));
}

TEST_F(ProcessTest, ASoftLimitOfDescriptorsIsRaised) {
  GatewayProcess gateway(emulator_.endpoint(), {}, {},
                         Limited("--nofile=48:4096"));
  EXPECT_EQ(UploadAtOnce(gateway, 100, "o"), 100);
  EXPECT_THAT(gateway.Log(), ::testing::Not(HasSubstr("descriptors")));
}

TEST_F(ProcessTest, WithFewDescriptorsTheSurplusIsRefusedAndTheOthersGoOn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "the sanitizer needs descriptors of its own";
#endif
  GatewayProcess gateway(emulator_.endpoint(), {}, {},
                         Limited("--nofile=150:150"));
  EXPECT_THAT(gateway.Log(), HasSubstr("file descriptors are limited"));
  const auto stub = gateway.NewStub();
  Caller before(*stub, "before");
  ASSERT_TRUE(before.IsTaken());
  const auto put = [&stub] { return Upload(*stub, HeaderFor("o"), "x"); };
  std::vector<std::unique_ptr<EndlessMessage>> others;
  CallEnd end = put();
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  while (end.status.ok() && others.size() < 150) {
    others.push_back(std::make_unique<EndlessMessage>(gateway.address(), 1000));
    end = put();
  }
  EXPECT_EQ(end.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(end.reason, "TOO_MANY_UPLOADS") << end.status.error_message();
  EXPECT_TRUE(before.Finish().status.ok());
  others.clear();
  for (int i = 0; i < 1000 && !end.status.ok(); ++i) end = put();
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

TEST_F(ProcessTest, AFileThatMayNotGrowIsAFullSpool) {
  GatewayProcess gateway(emulator_.endpoint(), {}, {},
                         Limited("--fsize=1000000"));
  const auto stub = gateway.NewStub();
  const CallEnd end =
      Upload(*stub, HeaderFor("o", /*if_absent=*/true), Bytes(20 << 20));
  EXPECT_EQ(end.status.error_code(), grpc::RESOURCE_EXHAUSTED);
  EXPECT_EQ(end.reason, "SPOOL_FULL") << end.status.error_message();
  EXPECT_TRUE(Upload(*stub, HeaderFor("p"), Bytes(20 << 20)).status.ok());
}

}  // namespace
}  // namespace lakefs::gateway::testing
