// Every file and folder that is looked at when the gateway starts, in each
// state that it should not be in.
#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::MatchesRegex;

// What the file is. That of another user can be read, but is his.
const char* const kStates[] = {"missing",   "unreadable",     "a directory",
                               "empty",     "no YAML",        "a pipe",
                               "another's", "a dangling link"};

struct Looked {
  const char* name;
  const char* flags;  // $ is the file
  // States in which it is as it should be, or not needed.
  std::set<std::string> good;
};

// The keys are in the environment.
const Looked kLooked[] = {
    {"config", "--config=$", {"empty"}},
    {"token", "--token-file=$", {}},
    {"credentials", "--credentials-file=$", {}},
    {"allow", "--allow-file=$", {}},
    {"tls-cert", "--tls-cert=$ --tls-key=KEY", {}},
    {"tls-key", "--tls-cert=CERT --tls-key=$", {}},
    {"tls-client-ca", "--tls-cert=CERT --tls-key=KEY --tls-client-ca=$", {}},
    {"client-cert", "--client-cert=$ --client-key=KEY", {}},
    {"client-key", "--client-cert=CERT --client-key=$", {}},
    {"ca", "--ca-file=$", {}},
    {"spool", "--spool-dir=$", {"a directory"}},
    {"local-store", "--local-store=/data=$", {"a directory"}},
    {"socket", "--listen=unix:$", {"missing"}},
    {".lakectl.yaml",
     "",
     {"missing", "unreadable", "a directory", "empty", "no YAML", "a pipe",
      "another's", "a dangling link"}},
};

class StartFilesTest : public ::testing::Test {
 protected:
  // A folder that belongs to the user who starts the gateway: one whom modes of
  // files hold back.
  StartFilesTest() {
    char name[] = "/tmp/start-test-XXXXXX";
    folder_ = mkdtemp(name);
    if (getuid() != 0) return;
    EXPECT_EQ(chown(folder_.c_str(), kUser, kUser), 0);
    as_user_ = absl::StrCat("/usr/bin/setpriv --reuid=", kUser,
                            " --regid=", kUser, " --clear-groups");
  }
  void SetUp() override {
    if (!as_user_.empty() && !OthersCanRunPrograms()) {
      GTEST_SKIP() << "other users cannot reach the programs";
    }
  }
  ~StartFilesTest() override { std::filesystem::remove_all(folder_); }

  void Make(const std::string& state, const std::string& path) {
    std::filesystem::remove_all(path);
    if (state == "missing") return;
    if (state == "a directory") {
      std::filesystem::create_directory(path);
    } else if (state == "a pipe") {
      EXPECT_EQ(mkfifo(path.c_str(), 0640), 0);
    } else if (state == "a dangling link") {
      std::filesystem::create_symlink(path + ".gone", path);
      return;
    } else {
      std::ofstream(path) << (state == "empty" ? "" : "a: [\n");
      chmod(path.c_str(), state == "unreadable" ? 0 : 0640);
    }
    if (getuid() != 0) return;
    // Another's may be read by way of the group.
    const uid_t owner = state == "another's" ? 0 : kUser;
    EXPECT_EQ(chown(path.c_str(), owner, kUser), 0);
  }

  // Starts with that. What is well is refused for its listener, which is the
  // last thing that is looked at.
  std::pair<int, std::string> Start(std::string flags, const std::string& file,
                                    const Certificates& certificates) {
    for (const auto& [from, to] :
         {std::pair<std::string, std::string>("$", file),
          {"CERT", certificates.Pem("gateway")},
          {"KEY", certificates.Key("gateway")}}) {
      const size_t at = flags.find(from);
      if (at != std::string::npos) flags.replace(at, from.size(), to);
    }
    return RunGatewayToEnd(
        absl::StrCat(flags, " --listen=unix:/nonexistent/last.sock",
                     " --admin-listen=off --log-level=error"),
        absl::StrCat("HOME=", folder_,
                     " LAKECTL_SERVER_ENDPOINT_URL=http://127.0.0.1:1"
                     " LAKECTL_CREDENTIALS_ACCESS_KEY_ID=a"
                     " LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=b"),
        as_user_);
  }

  static constexpr uid_t kUser = 64321;
  std::string folder_;
  std::string as_user_;
};

class StartTest : public StartFilesTest,
                  public ::testing::WithParamInterface<Looked> {};

TEST_P(StartTest, WhatIsNotAsItShouldBeIsOneLineThatNamesIt) {
  const Looked& looked = GetParam();
  Certificates certificates(folder_ + "/certificates");
  certificates.Issue("gateway", "DNS:gateway.test");
  if (getuid() == 0) {
    for (const auto& entry :
         std::filesystem::recursive_directory_iterator(folder_)) {
      EXPECT_EQ(chown(entry.path().c_str(), kUser, kUser), 0);
    }
  }
  const std::string path = absl::StrCat(folder_, "/", looked.name);
  for (const std::string state : kStates) {
    SCOPED_TRACE(state);
    Make(state, path);
    const auto [code, output] = Start(looked.flags, path, certificates);
    EXPECT_EQ(code, 2);
    EXPECT_THAT(output, MatchesRegex("lakefs-staging-gateway: [^\n]*\n"));
    EXPECT_THAT(output,
                HasSubstr(looked.good.contains(state) ? "/nonexistent/last.sock"
                                                      : path));
  }
  Make("missing", path);
}

INSTANTIATE_TEST_SUITE_P(Files, StartTest, ::testing::ValuesIn(kLooked),
                         [](const auto& info) {
                           std::string name;
                           for (const char c : std::string(info.param.name)) {
                             if (absl::ascii_isalnum(
                                     static_cast<unsigned char>(c)))
                               name += c;
                           }
                           return name;
                         });

// What is needed of ~/.lakectl.yaml is told of.
TEST_F(StartFilesTest, ALakectlFileThatIsNeededIsNamed) {
  const std::string path = folder_ + "/.lakectl.yaml";
  for (const std::string state : {"unreadable", "a directory", "no YAML"}) {
    Make(state, path);
    const auto [code, output] =
        RunGatewayToEnd("", absl::StrCat("HOME=", folder_), as_user_);
    EXPECT_EQ(code, 2);
    EXPECT_THAT(output, HasSubstr(path)) << state;
  }
}

// Nobody's live socket is taken away because it cannot be asked.
TEST_F(StartFilesTest, ASocketOfAnotherUserIsLeftAlone) {
  if (getuid() != 0) GTEST_SKIP() << "needs another user";
  const std::string path = folder_ + "/socket";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)),
            0);
  ASSERT_EQ(listen(fd, 1), 0);
  chmod(path.c_str(), 0600);
  const auto [code, output] =
      RunGatewayToEnd("--admin-listen=off --listen=unix:" + path,
                      "LAKECTL_SERVER_ENDPOINT_URL=http://127.0.0.1:1"
                      " LAKECTL_CREDENTIALS_ACCESS_KEY_ID=a"
                      " LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=b",
                      as_user_);
  EXPECT_EQ(code, 2);
  EXPECT_THAT(output, HasSubstr(path));
  EXPECT_TRUE(std::filesystem::exists(path));
  close(fd);
}

}  // namespace
}  // namespace lakefs::gateway::testing
