#include "tests/testing/gateway_process.h"

#include <fcntl.h>
#include <grpcpp/create_channel.h>
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/testing/places.h"
#include "tests/testing/run_command.h"

namespace lakefs::gateway::testing {
namespace {

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> EnvironmentOf(
    const std::string& lakefs_endpoint,
    const std::map<std::string, std::string>& more) {
  std::map<std::string, std::string> all = {
      {"HOME", "/nonexistent"},
      {"LAKECTL_SERVER_ENDPOINT_URL", lakefs_endpoint},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE"},
      {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY",
       "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}};
  for (const auto& [name, value] : more) all[name] = value;
  std::vector<std::string> out;
  for (const auto& [name, value] : all) {
    out.push_back(absl::StrCat(name, "=", value));
  }
  return out;
}

}  // namespace

GatewayProcess::GatewayProcess(const std::string& lakefs_endpoint,
                               std::vector<std::string> flags,
                               std::map<std::string, std::string> environment,
                               std::vector<std::string> under) {
  char log_name[] = "/tmp/gateway-test-log-XXXXXX";
  const int log = mkstemp(log_name);
  log_file_ = log_name;
  int out[2];
  if (pipe2(out, O_CLOEXEC) != 0) std::abort();

  std::vector<std::string> args = std::move(under);
  args.insert(args.end(),
              {BinaryDir() + "/bin/lakefs-staging-gateway",
               "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0"});
  args.insert(args.end(), flags.begin(), flags.end());
  std::vector<std::string> env = EnvironmentOf(lakefs_endpoint, environment);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, log, STDERR_FILENO);
  const int spawned = posix_spawn(&pid_, args[0].c_str(), &actions, nullptr,
                                  Pointers(args).data(), Pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  close(out[1]);
  close(log);
  EXPECT_EQ(spawned, 0) << args[0];

  std::string line;
  for (char c = 0; admin_.empty() && read(out[0], &c, 1) == 1;) {
    if (c != '\n') {
      line.push_back(c);
      continue;
    }
    absl::string_view address = line;
    if (absl::ConsumePrefix(&address, "listening on ") && address_.empty()) {
      address_ = std::string(address);
    } else if (absl::ConsumePrefix(&address, "admin on ")) {
      admin_ = std::string(address);
    }
    line.clear();
  }
  close(out[0]);
  EXPECT_FALSE(address_.empty()) << line << Log();
}

void GatewayProcess::Kill() {
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

GatewayProcess::~GatewayProcess() {
  if (pid_ == -1) {
    std::filesystem::remove(log_file_);
    return;
  }
  kill(pid_, SIGTERM);
  int status = 0;
  waitpid(pid_, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
      << "the gateway ended with " << status << "\n"
      << Log();
  std::filesystem::remove(log_file_);
}

std::unique_ptr<::lakefs::staging::v1::Staging::Stub> GatewayProcess::NewStub()
    const {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  return ::lakefs::staging::v1::Staging::NewStub(grpc::CreateCustomChannel(
      address_, grpc::InsecureChannelCredentials(), arguments));
}

void GatewayProcess::Terminate() const { kill(pid_, SIGTERM); }

std::string GatewayProcess::Log() const {
  std::ifstream file(log_file_);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::pair<int, std::string> RunGatewayToEnd(const std::string& arguments,
                                            const std::string& environment,
                                            const std::string& under) {
  return RunCommand(absl::StrCat(
      "env -i HOME=/nonexistent ", environment, " ", under, " ", BinaryDir(),
      "/bin/lakefs-staging-gateway ", arguments, " 2>&1"));
}

int64_t GatewayProcess::StatusBytes(const std::string& field) const {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string line; std::getline(status, line);) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    int64_t kib = 0;
    if (fields.size() > 1 && fields[0] == field &&
        absl::SimpleAtoi(fields[1], &kib)) {
      return kib * 1024;
    }
  }
  ADD_FAILURE() << "the kernel does not tell";
  return -1;
}

}  // namespace lakefs::gateway::testing
