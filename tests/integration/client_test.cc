// The command line and a gateway that is not beside it.
#include <gmock/gmock.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/places.h"
#include "tests/testing/run_command.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

class ClientTest : public ::testing::Test {
 protected:
  ClientTest() {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    certificates_.Issue("gateway", "IP:127.0.0.1");
    certificates_.Issue("caller", "DNS:caller.test");
  }
  ~ClientTest() override { std::filesystem::remove_all(folder_); }

  static std::string NewFolder() {
    char name[] = "/tmp/client-test-XXXXXX";
    return mkdtemp(name);
  }
  // Uploads "data" from standard input; the exit code, and all that was said.
  std::pair<int, std::string> Upload(const GatewayProcess& gateway,
                                     const std::string& flags,
                                     const std::string& environment = "") {
    return RunCommand(
        absl::StrCat("printf data | env ", environment, " timeout 30 ",
                     BinaryDir(), "/bin/lakefs-staging upload - ",
                     "lakefs://quickstart/main/o --gateway=", gateway.address(),
                     " ", flags, " 2>&1"));
  }

  const std::string folder_ = NewFolder();
  Certificates certificates_{absl::StrCat(folder_, "/tls")};
  Emulator emulator_;
};

TEST_F(ClientTest, TheCommandLineSpeaksTlsWithCertificatesOfBothSides) {
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--tls-cert=" + certificates_.Pem("gateway"),
                          "--tls-key=" + certificates_.Key("gateway"),
                          "--tls-client-ca=" + certificates_.Pem("ca")});
  const std::string trust = "--ca-file=" + certificates_.Pem("ca");
  const std::string mine =
      absl::StrCat(" --client-cert=", certificates_.Pem("caller"),
                   " --client-key=", certificates_.Key("caller"));
  const auto [code, output] = Upload(gateway, trust + mine);
  EXPECT_EQ(code, 0) << output;
  EXPECT_EQ(emulator_.ReadObject("quickstart", "main", "o"), "data");
  for (const std::string& flags :
       {std::string(), trust, "--tls" + mine, std::string("--tls")}) {
    const auto [refused, said] = Upload(gateway, flags);
    EXPECT_EQ(refused, 7) << flags << ": " << said;
  }
}

TEST_F(ClientTest, TheCommandLineBringsItsOwnAuthorization) {
  GatewayProcess gateway(emulator_.endpoint(), {"--auth=pass-through"},
                         {{"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ""},
                          {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ""}});
  EXPECT_EQ(Upload(gateway, "").first, 5);
  EXPECT_EQ(
      Upload(gateway, "", "LAKEFS_STAGING_AUTHORIZATION='Basic eDp5'").first,
      5);
  const auto [code, output] =
      Upload(gateway, "",
             "LAKEFS_STAGING_AUTHORIZATION='Basic "
             "QUtJQUlPU0ZPRE5ON0VYQU1QTEU6d0phbHJYVXRuRkVNSS9LN01ERU5HL2JQeFJma"
             "UNZRVhBTVBMRUtFWQ=='");
  EXPECT_EQ(code, 0) << output;
}

}  // namespace
}  // namespace lakefs::gateway::testing
