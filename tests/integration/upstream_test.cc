// The way to lakeFS and to the store: TLS, certificates, proxies, redirects.
#include <gmock/gmock.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/certificates.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/http_front.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;

class UpstreamTest : public ::testing::Test {
 protected:
  UpstreamTest() {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    certificates_.Issue("server", "IP:127.0.0.1");
    certificates_.Issue("gateway", "DNS:gateway.test");
  }
  ~UpstreamTest() override { std::filesystem::remove_all(folder_); }

  static std::string NewFolder() {
    char name[] = "/tmp/upstream-test-XXXXXX";
    return mkdtemp(name);
  }
  // By TLS; `upstream` is lakeFS or its store.
  HttpFrontOptions Tls(const std::string& upstream) const {
    return {.upstream = upstream,
            .certificate = certificates_.Pem("server"),
            .key = certificates_.Key("server")};
  }
  // lakeFS by TLS, whose presigned URLs name `store`.
  HttpFrontOptions TlsLakefs(const HttpFront& store) const {
    HttpFrontOptions options = Tls(emulator_.endpoint());
    options.rewrites = {{emulator_.store_endpoint(), store.url()}};
    return options;
  }
  std::string Trust() const { return "--ca-file=" + certificates_.Pem("ca"); }
  // A configuration of OpenSSL that allows all that it can speak.
  std::string Lax() const {
    std::string path = absl::StrCat(folder_, "/openssl.cnf");
    std::ofstream(path) << "openssl_conf = all\n"
                           "[all]\nssl_conf = tls\n"
                           "[tls]\nsystem_default = lax\n"
                           "[lax]\nMinProtocol = TLSv1\n"
                           "CipherString = DEFAULT@SECLEVEL=0\n";
    return path;
  }
  static CallEnd Put(const GatewayProcess& gateway) {
    return Upload(*gateway.NewStub(), HeaderFor("o"), Bytes(9 << 20));
  }
  // An object of one part is given up long before the call ends.
  static CallEnd PutSmall(const GatewayProcess& gateway) {
    return Upload(*gateway.NewStub(), HeaderFor("o"), "hello");
  }
  bool Arrived() const {
    return emulator_.ReadObject("quickstart", "main", "o") == Bytes(9 << 20);
  }

  const std::string folder_ = NewFolder();
  Certificates certificates_{absl::StrCat(folder_, "/tls")};
  Emulator emulator_;
};

TEST_F(UpstreamTest, LakefsAndTheStoreMustBeOfTheAuthoritiesOfTheCaFile) {
  HttpFront store(Tls(emulator_.store_endpoint()));
  HttpFront lakefs(TlsLakefs(store));
  {
    GatewayProcess gateway(lakefs.url(), {Trust()});
    const CallEnd end = Put(gateway);
    EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(Arrived());
    EXPECT_GT(store.requests(), 1);
  }
  const int before = lakefs.requests();
  GatewayProcess gateway(lakefs.url());
  const CallEnd end = PutSmall(gateway);
  EXPECT_EQ(end.reason, "UPSTREAM_UNREACHABLE");
  EXPECT_THAT(end.status.error_message(), HasSubstr("certificate"));
  EXPECT_EQ(lakefs.requests(), before) << "sent to a server not trusted";
}

TEST_F(UpstreamTest, TheStoreMustBeOfTheAuthoritiesToo) {
  Certificates others(absl::StrCat(folder_, "/others"));
  others.Issue("server", "IP:127.0.0.1");
  HttpFrontOptions untrusted = Tls(emulator_.store_endpoint());
  untrusted.certificate = others.Pem("server");
  untrusted.key = others.Key("server");
  HttpFront store(untrusted);
  HttpFront lakefs(TlsLakefs(store));
  GatewayProcess gateway(lakefs.url(), {Trust()});
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  EXPECT_EQ(store.requests(), 0);
}

TEST_F(UpstreamTest, TheClientCertificateIsShownToLakefsAndTheStore) {
  HttpFrontOptions asking = Tls(emulator_.store_endpoint());
  asking.client_ca = certificates_.Pem("ca");
  HttpFront store(asking);
  asking = TlsLakefs(store);
  asking.client_ca = certificates_.Pem("ca");
  HttpFront lakefs(asking);
  {
    GatewayProcess gateway(lakefs.url(), {Trust()});
    EXPECT_FALSE(PutSmall(gateway).status.ok());
    EXPECT_EQ(lakefs.requests(), 0);
  }
  GatewayProcess gateway(
      lakefs.url(), {Trust(), "--client-cert=" + certificates_.Pem("gateway"),
                     "--client-key=" + certificates_.Key("gateway")});
  const CallEnd end = Put(gateway);
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(Arrived());
}

TEST_F(UpstreamTest, NothingOlderThanTls12IsSpokenWhateverTheSystemAllows) {
  for (const int newest : {TLS1_1_VERSION, TLS1_2_VERSION}) {
    HttpFrontOptions options = Tls(emulator_.endpoint());
    options.newest_tls = newest;
    HttpFront lakefs(options);
    GatewayProcess gateway(lakefs.url(), {Trust(), "--allow-http-store"},
                           {{"OPENSSL_CONF", Lax()}});
    const CallEnd end = PutSmall(gateway);
    EXPECT_EQ(end.status.ok(), newest == TLS1_2_VERSION)
        << end.status.error_message();
    EXPECT_EQ(lakefs.requests() > 0, newest == TLS1_2_VERSION);
  }
}

TEST_F(UpstreamTest, PlainHttpToAStoreIsOnlyForAPlainLakefsOrASetting) {
  HttpFront lakefs(Tls(emulator_.endpoint()));
  {
    GatewayProcess gateway(lakefs.url(), {Trust()});
    const CallEnd end = Put(gateway);
    EXPECT_EQ(end.reason, "STORE_REJECTED");
    EXPECT_EQ(end.status.error_code(), grpc::FAILED_PRECONDITION);
    EXPECT_THAT(end.status.error_message(), HasSubstr("--allow-http-store"));
    for (const JournalEntry& entry : emulator_.Journal()) {
      EXPECT_FALSE(absl::StartsWith(entry.operation, "store"))
          << entry.operation;
    }
  }
  GatewayProcess gateway(lakefs.url(), {Trust(), "--allow-http-store"});
  const CallEnd end = Put(gateway);
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(Arrived());
}

TEST_F(UpstreamTest, ARedirectIsNotFollowed) {
  HttpFront other({.upstream = emulator_.endpoint()});
  HttpFront lakefs({.redirect = other.url()});
  GatewayProcess gateway(lakefs.url());
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  EXPECT_GT(lakefs.requests(), 0);
  EXPECT_EQ(other.requests(), 0) << "the keys went to another server";
}

TEST_F(UpstreamTest, ARedirectOfTheStoreIsNotFollowed) {
  HttpFront other({.upstream = emulator_.store_endpoint()});
  HttpFront store({.redirect = other.url()});
  HttpFront lakefs({.upstream = emulator_.endpoint(),
                    .rewrites = {{emulator_.store_endpoint(), store.url()}}});
  GatewayProcess gateway(lakefs.url());
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  EXPECT_GT(store.requests(), 0);
  EXPECT_EQ(other.requests(), 0) << "bytes or keys went to another server";
}

TEST_F(UpstreamTest, NoPresignedUrlLeadsToAMetadataService) {
  // Not even by way of a proxy, which would look the name up itself.
  HttpFront proxy({.upstream = "http://127.0.0.1:1"});
  for (const char* url : {"http://169.254.169.254", "http://%3169.254.169.254",
                          "http://metadata.google.internal"}) {
    HttpFront lakefs({.upstream = emulator_.endpoint(),
                      .rewrites = {{emulator_.store_endpoint(), url}}});
    GatewayProcess gateway(lakefs.url(), {"--proxy=" + proxy.url()},
                           {{"no_proxy", "127.0.0.1"}});
    const CallEnd end = Put(gateway);
    EXPECT_EQ(end.reason, "STORE_REJECTED") << end.status.error_message();
    EXPECT_EQ(end.status.error_code(), grpc::PERMISSION_DENIED);
    EXPECT_EQ(proxy.requests(), 0);
  }
}

TEST_F(UpstreamTest, AllGoesThroughTheProxy) {
  HttpFront proxy({});
  for (const bool by_flag : {true, false}) {
    const int before = proxy.requests();
    GatewayProcess gateway(
        emulator_.endpoint(),
        by_flag ? std::vector<std::string>{"--proxy=" + proxy.url()}
                : std::vector<std::string>{},
        {{by_flag ? "UNUSED" : "http_proxy", proxy.url()}});
    emulator_.ClearJournal();
    const CallEnd end = Put(gateway);
    EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(Arrived());
    EXPECT_GE(proxy.requests() - before,
              static_cast<int>(emulator_.Journal().size()));
  }
  const int before = proxy.requests();
  GatewayProcess gateway(emulator_.endpoint(), {"--proxy=off"},
                         {{"http_proxy", proxy.url()}});
  EXPECT_TRUE(Put(gateway).status.ok());
  EXPECT_EQ(proxy.requests(), before);
}

TEST_F(UpstreamTest, AProxyIsReachedByTlsUnderTheSameRules) {
  for (const int newest : {TLS1_1_VERSION, TLS1_2_VERSION}) {
    HttpFrontOptions options = Tls("");
    options.newest_tls = newest;
    HttpFront proxy(options);
    GatewayProcess gateway(emulator_.endpoint(),
                           {"--proxy=" + proxy.url(), Trust()},
                           {{"OPENSSL_CONF", Lax()}});
    const CallEnd end = PutSmall(gateway);
    EXPECT_EQ(end.status.ok(), newest == TLS1_2_VERSION)
        << end.status.error_message();
    EXPECT_EQ(proxy.requests() > 0, newest == TLS1_2_VERSION);
  }
}

TEST_F(UpstreamTest, CertificatesAreReadAgain) {
  Certificates others(folder_ + "/others");
  others.Issue("gateway", "DNS:gateway.test");
  HttpFront store(Tls(emulator_.store_endpoint()));
  HttpFrontOptions options = TlsLakefs(store);
  options.client_ca = others.Pem("ca");
  HttpFront lakefs(options);
  // Both are wrong at first: whom the gateway trusts, and who it is.
  const std::string trusted = folder_ + "/trusted.pem";
  const auto copy = [](const std::string& from, const std::string& to) {
    std::filesystem::copy_file(
        from, to, std::filesystem::copy_options::overwrite_existing);
  };
  copy(others.Pem("ca"), trusted);
  GatewayProcess gateway(
      lakefs.url(),
      {"--ca-file=" + trusted, "--client-cert=" + certificates_.Pem("gateway"),
       "--client-key=" + certificates_.Key("gateway")});
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  copy(certificates_.Pem("ca"), trusted);
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  copy(others.Pem("gateway"), certificates_.Pem("gateway"));
  copy(others.Key("gateway"), certificates_.Key("gateway"));
  CallEnd end;
  for (int i = 0; i < 10 && !end.status.ok(); ++i) end = PutSmall(gateway);
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

TEST_F(UpstreamTest, AClientKeyThatBecomesOpenToOthersIsRefused) {
  Certificates others(folder_ + "/others");
  others.Issue("gateway", "DNS:gateway.test");
  HttpFront store(Tls(emulator_.store_endpoint()));
  HttpFrontOptions options = TlsLakefs(store);
  options.client_ca = certificates_.Pem("ca");
  HttpFront lakefs(options);
  GatewayProcess gateway(
      lakefs.url(), {Trust(), "--client-cert=" + certificates_.Pem("gateway"),
                     "--client-key=" + certificates_.Key("gateway")});
  EXPECT_TRUE(Put(gateway).status.ok());
  const auto logged = [&](const char* text) {
    for (int i = 0; i < 600; ++i) {
      if (absl::StrContains(gateway.Log(), text)) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return false;
  };
  // Another's certificate, which lakeFS takes from nobody. Meanwhile the front
  // closes the connections that are kept.
  chmod(others.Key("gateway").c_str(), 0644);
  std::filesystem::rename(others.Key("gateway"), certificates_.Key("gateway"));
  std::filesystem::rename(others.Pem("gateway"), certificates_.Pem("gateway"));
  ASSERT_TRUE(logged("has mode 0644")) << gateway.Log();
  const CallEnd end = Put(gateway);
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
  chmod(certificates_.Key("gateway").c_str(), 0600);
  ASSERT_TRUE(logged("certificate and key read again")) << gateway.Log();
  const int before = lakefs.requests();
  EXPECT_FALSE(PutSmall(gateway).status.ok());
  EXPECT_EQ(lakefs.requests(), before) << "the old certificate is shown";
}

}  // namespace
}  // namespace lakefs::gateway::testing
