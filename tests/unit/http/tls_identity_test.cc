#include "gateway/http/tls_identity.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;
using Change = TlsIdentity::Change;

class TlsIdentityTest : public ::testing::Test {
 protected:
  TlsIdentityTest() {
    for (const char* name : {"one", "two"}) {
      certificates_.Issue(name, "DNS:gateway.test");
    }
    Use("one");
  }
  ~TlsIdentityTest() override { std::filesystem::remove_all(folder_); }

  static std::string NewFolder() {
    char name[] = "/tmp/tls-identity-test-XXXXXX";
    return mkdtemp(name);
  }
  static std::string Read(const std::string& path) {
    return Certificates::Read(path);
  }
  void Write(const std::string& path, const std::string& text) {
    std::ofstream(path) << text;
  }
  void UseKey(const std::string& name) {
    Write(files_.key, Read(certificates_.Key(name)));
    SetMode(0600);
  }
  void UseCertificate(const std::string& name) {
    Write(files_.certificate, Read(certificates_.Pem(name)));
  }
  void Use(const std::string& name) {
    UseCertificate(name);
    UseKey(name);
  }
  void SetMode(mode_t mode) { chmod(files_.key.c_str(), mode); }
  std::unique_ptr<TlsIdentity> Open() {
    auto opened = TlsIdentity::Open(files_);
    EXPECT_THAT(opened, IsOk());
    return *std::move(opened);
  }
  // Whether the certificate is that of `name`, and the key its own.
  bool Shows(const TlsIdentity& identity, const std::string& name) {
    const auto pems = identity.Get();
    return pems->certificate == Read(certificates_.Pem(name)) &&
           absl::StrCat(pems->key, "\n") == Read(certificates_.Key(name));
  }
  void Run(const std::string& command) {
    ASSERT_EQ(std::system(absl::StrCat(command, " 2>/dev/null").c_str()), 0)
        << command;
  }

  const std::string folder_ = NewFolder();
  Certificates certificates_{folder_ + "/made"};
  TlsFiles files_{.certificate = folder_ + "/tls.pem",
                  .key = folder_ + "/tls.key",
                  .settings = "tls"};
};

TEST_F(TlsIdentityTest, WhatIsReplacedTogetherIsTakenTogether) {
  const auto identity = Open();
  EXPECT_TRUE(Shows(*identity, "one"));
  EXPECT_EQ(identity->ReadAgain(), Change::kNone);
  const auto before = identity->Get();
  Use("two");
  EXPECT_EQ(identity->ReadAgain(), Change::kRenewed);
  EXPECT_TRUE(Shows(*identity, "two"));
  EXPECT_EQ(before->certificate, Read(certificates_.Pem("one")))
      << "what a handshake goes on with was changed";
  EXPECT_EQ(identity->ReadAgain(), Change::kNone);
}

TEST_F(TlsIdentityTest, AKeyThatOthersMayReadIsRefusedAndTheLastGoodGoesOn) {
  const auto identity = Open();
  for (const mode_t mode : {0644, 0604, 0620}) {
    Use("two");
    SetMode(mode);
    EXPECT_EQ(identity->ReadAgain(), Change::kNone);
    EXPECT_EQ(identity->ReadAgain(), Change::kRefused) << mode;
    EXPECT_EQ(identity->ReadAgain(), Change::kNone) << "told of twice";
    EXPECT_TRUE(Shows(*identity, "one"));
    SetMode(0600);
    EXPECT_EQ(identity->ReadAgain(), Change::kRenewed);
    EXPECT_TRUE(Shows(*identity, "two"));
    Use("one");
    EXPECT_EQ(identity->ReadAgain(), Change::kRenewed);
  }
}

TEST_F(TlsIdentityTest, AKeyThatOnlyItsModeWasWrongOfIsNoNewOne) {
  const auto identity = Open();
  for (int i = 0; i < 2; ++i) {
    SetMode(0644);
    EXPECT_EQ(identity->ReadAgain(), Change::kNone);
    EXPECT_EQ(identity->ReadAgain(), Change::kRefused);
    SetMode(0600);
    EXPECT_EQ(identity->ReadAgain(), Change::kNone);
  }
  EXPECT_TRUE(Shows(*identity, "one"));
}

TEST_F(TlsIdentityTest, HalfAPairIsNeitherTakenNorToldOfAtOnce) {
  const auto identity = Open();
  UseCertificate("two");
  EXPECT_EQ(identity->ReadAgain(), Change::kNone);
  EXPECT_TRUE(Shows(*identity, "one"));
  UseKey("two");
  EXPECT_EQ(identity->ReadAgain(), Change::kRenewed);
  EXPECT_TRUE(Shows(*identity, "two"));
  std::filesystem::remove(files_.key);
  EXPECT_EQ(identity->ReadAgain(), Change::kNone);
  EXPECT_EQ(identity->ReadAgain(), Change::kRefused);
  EXPECT_TRUE(Shows(*identity, "two"));
}

TEST_F(TlsIdentityTest, TheAuthoritiesOfCallersAreReadAgainToo) {
  files_.client_ca = folder_ + "/ca.pem";
  Write(files_.client_ca, Read(certificates_.Pem("ca")));
  const auto identity = Open();
  EXPECT_EQ(identity->Get()->client_ca, Read(certificates_.Pem("ca")));
  Write(files_.client_ca, Read(certificates_.Pem("two")));
  EXPECT_EQ(identity->ReadAgain(), Change::kRenewed);
  EXPECT_EQ(identity->Get()->client_ca, Read(certificates_.Pem("two")));
  Write(files_.client_ca, "");
  EXPECT_EQ(identity->ReadAgain(), Change::kNone);
  EXPECT_EQ(identity->ReadAgain(), Change::kRefused);
  EXPECT_EQ(identity->Get()->client_ca, Read(certificates_.Pem("two")));
}

TEST_F(TlsIdentityTest, AChainIsTakenAndSoIsAKeyBesideIt) {
  const std::string all = absl::StrCat(Read(certificates_.Pem("one")),
                                       Read(certificates_.Key("one")),
                                       Read(certificates_.Pem("ca")));
  Write(files_.certificate, all);
  Write(files_.key, all);
  EXPECT_EQ(Open()->Get()->certificate, all);
}

TEST_F(TlsIdentityTest, WhatCannotBeServedIsNamedWhenItIsOpened) {
  const auto says = [this](const std::string& message) {
    const auto opened = TlsIdentity::Open(files_);
    EXPECT_THAT(opened, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(opened.status().message()), HasSubstr(message));
    Use("one");
  };
  const std::string wrong_cert =
      absl::StrCat("--tls-cert=", files_.certificate, " is no PEM certificate");
  Write(files_.certificate, "x");
  says(wrong_cert);
  Write(files_.certificate, Read(certificates_.Key("one")));
  says(wrong_cert);
  Write(files_.certificate, absl::StrCat(Read(certificates_.Pem("one")),
                                         "-----BEGIN CERTIFICATE-----\nMIIB\n",
                                         "-----END CERTIFICATE-----\n"));
  says(wrong_cert);
  std::filesystem::remove(files_.certificate);
  says("--tls-cert=" + files_.certificate + " cannot be read");

  const std::string wrong_key = absl::StrCat("--tls-key=", files_.key, " is");
  Write(files_.key, "x");
  says(wrong_key);
  UseKey("two");
  says("not that of --tls-cert");
  Run("openssl genpkey -quiet -algorithm RSA -out " + files_.key);
  says("not that of --tls-cert");
  Run(absl::StrCat("openssl ec -aes256 -passout pass:x -in ",
                   certificates_.Key("one"), " -out ", files_.key));
  says("has a passphrase");
  SetMode(0644);
  says("--tls-key=" + files_.key + " holds a secret and has mode 0644");
  std::filesystem::remove(files_.key);
  says("--tls-key=" + files_.key + " cannot be read");

  files_.client_ca = certificates_.Key("ca");
  says("--tls-client-ca=" + files_.client_ca + " is no PEM certificate");
  files_.client_ca = "/nonexistent";
  says("--tls-client-ca=/nonexistent cannot be read");
}

}  // namespace
}  // namespace lakefs::gateway::testing
