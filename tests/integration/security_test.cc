// Who may reach the gateway, who it is to lakeFS, and where it sends nothing.
#include <gmock/gmock.h>
#include <grp.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <functional>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/certificates.h"
#include "tests/testing/http_get.h"
#include "tests/testing/places.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

// Authorizations of callers: the emulator knows the keys of the first.
constexpr char kSomebody[] =
    "Basic QUtJQUlPU0ZPRE5ON0VYQU1QTEU6d0phbHJYVXRuRkVNSS9LN01ERU5HL2JQeFJmaUNZ"
    "RVhBTVBMRUtFWQ==";
constexpr char kNobody[] = "Basic bm9ib2R5Om5vYm9keQ==";

class SecurityTest : public ::testing::Test {
 protected:
  SecurityTest() {
    char name[] = "/tmp/security-test-XXXXXX";
    folder_ = mkdtemp(name);
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
  }
  ~SecurityTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text,
                    mode_t mode = 0600) {
    const std::string path = absl::StrCat(folder_, "/", name);
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::string Socket() const { return absl::StrCat(folder_, "/socket"); }

  static CallEnd Put(const std::string& address,
                     const std::shared_ptr<grpc::ChannelCredentials>& by =
                         grpc::InsecureChannelCredentials(),
                     const pb::UploadHeader& header = HeaderFor("o")) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("grpc.use_local_subchannel_pool", 1);
    arguments.SetSslTargetNameOverride("gateway.test");
    auto stub =
        pb::Staging::NewStub(grpc::CreateCustomChannel(address, by, arguments));
    return UploadUnary(*stub, header, "data");
  }
  // Runs a gateway that cannot start; what it says, and its exit code before.
  std::string Refused(const std::string& flags) {
    const std::string output = absl::StrCat(folder_, "/output");
    const int status = std::system(
        absl::StrCat("env LAKECTL_SERVER_ENDPOINT_URL=", emulator_.endpoint(),
                     " LAKECTL_CREDENTIALS_ACCESS_KEY_ID=a",
                     " LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=b timeout 20 ",
                     BinaryDir(),
                     "/bin/lakefs-staging-gateway --admin-listen=off ", flags,
                     " >", output, " 2>&1")
            .c_str());
    return absl::StrCat(WEXITSTATUS(status), " ", Certificates::Read(output));
  }
  static std::shared_ptr<grpc::ChannelCredentials> Trusting(
      const Certificates& certificates, const std::string& client = "") {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Certificates::Read(certificates.Pem("ca"));
    if (!client.empty()) {
      options.pem_cert_chain = Certificates::Read(certificates.Pem(client));
      options.pem_private_key = Certificates::Read(certificates.Key(client));
    }
    return grpc::SslCredentials(options);
  }

  // Whether it comes true. The gateway looks at its files every five seconds.
  static bool Within60Seconds(const std::function<bool()>& it) {
    for (int i = 0; i < 300; ++i) {
      if (it()) return true;
      std::this_thread::sleep_for(milliseconds(200));
    }
    return false;
  }

  std::string folder_;
  Emulator emulator_;
};

TEST_F(SecurityTest, TlsIsServedAndItsCertificateReadAgain) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--tls-cert=" + certificates.Pem("gateway"),
                          "--tls-key=" + certificates.Key("gateway")});
  EXPECT_TRUE(Put(gateway.address(), Trusting(certificates)).status.ok());
  EXPECT_FALSE(Put(gateway.address()).status.ok()) << "plaintext was taken";

  Certificates others(absl::StrCat(folder_, "/others"));
  others.Issue("gateway", "DNS:gateway.test");
  EXPECT_FALSE(Put(gateway.address(), Trusting(others)).status.ok());
  for (const char* suffix : {".key", ".pem"}) {
    std::filesystem::rename(absl::StrCat(folder_, "/others/gateway", suffix),
                            absl::StrCat(folder_, "/tls/gateway", suffix));
  }
  EXPECT_TRUE(Within60Seconds([&] {
    return Put(gateway.address(), Trusting(others)).status.ok();
  })) << "the new certificate was not read";
}

TEST_F(SecurityTest, AKeyThatBecomesOpenToOthersIsRefusedUntilItIsMended) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  Certificates others(absl::StrCat(folder_, "/others"));
  others.Issue("gateway", "DNS:gateway.test");
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--tls-cert=" + certificates.Pem("gateway"),
                          "--tls-key=" + certificates.Key("gateway")});
  const auto trusts = [&](const Certificates& of) {
    return Put(gateway.address(), Trusting(of)).status.ok();
  };
  const auto counts = [&](const char* result, int times) {
    const std::string wanted = absl::StrCat(
        "credential_renewals_total{result=\"", result, "\"} ", times, "\n");
    return Within60Seconds([&] {
      return absl::StrContains(
          Fetch(absl::StrCat("http://", gateway.admin(), "/metrics")).second,
          wanted);
    });
  };
  chmod(others.Key("gateway").c_str(), 0644);
  for (const char* suffix : {".key", ".pem"}) {
    std::filesystem::copy_file(absl::StrCat(folder_, "/others/gateway", suffix),
                               absl::StrCat(folder_, "/tls/new", suffix));
    std::filesystem::rename(absl::StrCat(folder_, "/tls/new", suffix),
                            absl::StrCat(folder_, "/tls/gateway", suffix));
  }
  EXPECT_TRUE(Within60Seconds([&] {
    return gateway.Log().find("has mode 0644") != std::string::npos;
  })) << gateway.Log();
  EXPECT_TRUE(trusts(certificates)) << "the last good key does not go on";
  EXPECT_FALSE(trusts(others)) << "a key that is open to others is used";
  EXPECT_TRUE(counts("failed", 1));

  chmod(certificates.Key("gateway").c_str(), 0600);
  EXPECT_TRUE(Within60Seconds([&] { return trusts(others); }))
      << "the key was not taken when it was mended";
  EXPECT_FALSE(trusts(certificates));
  const std::string log = gateway.Log();
  EXPECT_EQ(log.find("has mode 0644"), log.rfind("has mode 0644"))
      << "told of more than once";
  EXPECT_THAT(log, HasSubstr("certificate and key read again"));
  EXPECT_TRUE(counts("ok", 1));
  EXPECT_TRUE(counts("failed", 1));
}

TEST_F(SecurityTest, TheAuthoritiesOfCallersAreReadAgain) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  certificates.Issue("caller", "DNS:caller.test");
  Certificates others(absl::StrCat(folder_, "/others"));
  others.Issue("caller", "DNS:caller.test");
  const std::string authorities =
      Write("callers.pem", Certificates::Read(certificates.Pem("ca")));
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--tls-cert=" + certificates.Pem("gateway"),
                          "--tls-key=" + certificates.Key("gateway"),
                          "--tls-client-ca=" + authorities});
  const auto put = [&](const Certificates& of) {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Certificates::Read(certificates.Pem("ca"));
    options.pem_cert_chain = Certificates::Read(of.Pem("caller"));
    options.pem_private_key = Certificates::Read(of.Key("caller"));
    return Put(gateway.address(), grpc::SslCredentials(options)).status.ok();
  };
  EXPECT_TRUE(put(certificates));
  EXPECT_FALSE(put(others));
  Write("new.pem", Certificates::Read(others.Pem("ca")));
  std::filesystem::rename(folder_ + "/new.pem", authorities);
  EXPECT_TRUE(Within60Seconds([&] { return put(others); }))
      << "the new authority was not read";
  EXPECT_FALSE(put(certificates)) << "the old one still counts";
}

TEST_F(SecurityTest, NoTlsOlderThan12IsServedWhateverTheSystemAllows) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  const std::string lax = Write("openssl.cnf",
                                "openssl_conf = all\n"
                                "[all]\nssl_conf = tls\n"
                                "[tls]\nsystem_default = lax\n"
                                "[lax]\nMinProtocol = TLSv1\n"
                                "CipherString = DEFAULT@SECLEVEL=0\n");
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--tls-cert=" + certificates.Pem("gateway"),
                          "--tls-key=" + certificates.Key("gateway")},
                         {{"OPENSSL_CONF", lax}});
  const auto handshake = [&](const std::string& version) {
    return std::system(absl::StrCat("timeout 20 openssl s_client -", version,
                                    " -cipher DEFAULT@SECLEVEL=0 -alpn h2 "
                                    "-connect ",
                                    gateway.address(), " </dev/null >", folder_,
                                    "/output 2>&1")
                           .c_str());
  };
  EXPECT_NE(handshake("tls1"), 0);
  EXPECT_NE(handshake("tls1_1"), 0);
  EXPECT_EQ(handshake("tls1_2"), 0)
      << Certificates::Read(absl::StrCat(folder_, "/output"));
}

TEST_F(SecurityTest, CallersAreToldApartByTheirCertificates) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  certificates.Issue("ingest", "URI:spiffe://cluster/ns/etl/sa/ingest");
  certificates.Issue("nightly", "DNS:nightly.test");
  certificates.Issue("other", "DNS:other.test");
  emulator_.CreateRepository("reports");
  const std::string allow =
      Write("allow.yaml",
            "callers:\n"
            "  - name: ingest\n"
            "    certificate: [\"uri:spiffe://cluster/ns/etl/sa/ingest\"]\n"
            "    may_write:\n"
            "      - repository: quickstart\n"
            "        branches: [main]\n"
            "  - certificate: [\"dns:nightly.test\"]\n"
            "    may_write:\n"
            "      - repository: report?\n");
  GatewayProcess gateway(
      emulator_.endpoint(),
      {"--tls-cert=" + certificates.Pem("gateway"),
       "--tls-key=" + certificates.Key("gateway"),
       "--tls-client-ca=" + certificates.Pem("ca"), "--allow-file=" + allow});
  EXPECT_FALSE(Put(gateway.address(), Trusting(certificates)).status.ok())
      << "a caller without a certificate was let in";
  // The certificate of the caller, where it writes, and what it is told if it
  // may not.
  const std::tuple<const char*, const char*, const char*, const char*> cases[] =
      {{"ingest", "quickstart", "main", ""},
       {"ingest", "quickstart", "dev", "uri:spiffe://cluster"},
       {"ingest", "reports", "main", "uri:spiffe://cluster"},
       {"nightly", "reports", "main", ""},
       {"nightly", "quickstart", "main", "dns:nightly.test"},
       {"other", "quickstart", "main", "dns:other.test"}};
  for (const auto& [caller, repository, branch, told] : cases) {
    pb::UploadHeader header = HeaderFor("o");
    header.mutable_object()->set_repository(repository);
    header.mutable_object()->set_branch(branch);
    const CallEnd end =
        Put(gateway.address(), Trusting(certificates, caller), header);
    EXPECT_EQ(end.status.error_code(),
              *told == '\0' ? grpc::OK : grpc::PERMISSION_DENIED)
        << caller << ": " << end.status.error_message();
    EXPECT_EQ(end.reason, *told == '\0' ? "" : "PERMISSION_DENIED");
    EXPECT_THAT(end.status.error_message(), HasSubstr(told));
  }
}

TEST_F(SecurityTest, CallersAreToldApartByTheirUser) {
  const auto rule = [](uid_t uid) {
    return absl::StrCat("callers:\n  - name: a\n    uid: [", uid,
                        "]\n    may_write:\n      - repository: quickstart\n");
  };
  const std::string allow = Write("allow.yaml", rule(getuid()));
  GatewayProcess gateway(emulator_.endpoint(), {"--listen=unix:" + Socket(),
                                                "--allow-file=" + allow});
  const CallEnd mine = Put("unix:" + Socket());
  EXPECT_TRUE(mine.status.ok()) << mine.status.error_message();
  Write("allow.yaml", rule(getuid() + 1));
  bool refused = false;
  for (int i = 0; i < 100 && !refused; ++i) {
    std::this_thread::sleep_for(milliseconds(100));
    refused =
        Put("unix:" + Socket()).status.error_code() == grpc::PERMISSION_DENIED;
  }
  EXPECT_TRUE(refused) << "the rules were not read again";
  // On TCP, nobody knows who calls.
  EXPECT_EQ(Put(gateway.address()).status.error_code(),
            grpc::PERMISSION_DENIED);
}

// What each call of the service ends with, for an object of `repository`.
std::vector<std::pair<std::string, CallEnd>> EachCall(
    pb::Staging::Stub& stub, const std::string& repository) {
  std::vector<std::pair<std::string, CallEnd>> ends;
  pb::UploadHeader header = HeaderFor("o");
  header.mutable_object()->set_repository(repository);
  {
    grpc::ClientContext context;
    pb::GetPhysicalAddressRequest request;
    *request.mutable_object() = header.object();
    pb::GetPhysicalAddressResponse response;
    ends.emplace_back("GetPhysicalAddress", EndOf(stub.GetPhysicalAddress(
                                                &context, request, &response)));
  }
  {
    grpc::ClientContext context;
    pb::LinkPhysicalAddressRequest request;
    *request.mutable_object() = header.object();
    request.mutable_metadata()->mutable_staging()->set_physical_address(
        "s3://b/x");
    request.mutable_metadata()->set_checksum("abc");
    pb::LinkPhysicalAddressResponse response;
    ends.emplace_back(
        "LinkPhysicalAddress",
        EndOf(stub.LinkPhysicalAddress(&context, request, &response)));
  }
  ends.emplace_back("UploadObject", UploadUnary(stub, header, "x"));
  ends.emplace_back("UploadAndLink", Upload(stub, header, "x"));
  {
    grpc::ClientContext context;
    pb::UploadFileRequest request;
    *request.mutable_header() = header;
    request.set_file("/shared/f");
    ends.emplace_back("UploadFile",
                      EndOf(stub.UploadFile(&context, request)->Finish()));
  }
  for (const char* request_id : {"known", "unknown"}) {
    grpc::ClientContext context;
    pb::GetUploadOutcomeRequest request;
    request.set_request_id(request_id);
    *request.mutable_object() = header.object();
    pb::GetUploadOutcomeResponse response;
    ends.emplace_back(
        absl::StrCat("GetUploadOutcome of ", request_id),
        EndOf(stub.GetUploadOutcome(&context, request, &response)));
  }
  return ends;
}

TEST_F(SecurityTest, WhoIsDeniedIsDeniedEachCallBeforeLakefsIsAsked) {
  const auto rule = [](const std::string& repository) {
    return absl::StrCat("callers:\n  - name: a\n    uid: [", getuid(),
                        "]\n    may_write:\n      - repository: ", repository,
                        "\n");
  };
  emulator_.CreateRepository("another");
  const std::string allow = Write("allow.yaml", rule("quickstart"));
  GatewayProcess gateway(emulator_.endpoint(), {"--listen=unix:" + Socket(),
                                                "--allow-file=" + allow});
  auto known = pb::Staging::NewStub(grpc::CreateChannel(
      "unix:" + Socket(), grpc::InsecureChannelCredentials()));
  pb::UploadHeader header = HeaderFor("o");
  header.set_request_id("known");
  ASSERT_TRUE(Upload(*known, header, "x").status.ok());
  Write("allow.yaml", rule("another"));
  bool read = false;
  for (int i = 0; i < 100 && !read; ++i) {
    std::this_thread::sleep_for(milliseconds(100));
    read = !Upload(*known, HeaderFor("o"), "x").status.ok();
  }
  ASSERT_TRUE(read) << "the rules were not read again";

  // By TCP, nobody knows who calls.
  auto unknown = gateway.NewStub();
  for (pb::Staging::Stub* stub : {known.get(), unknown.get()}) {
    for (const char* repository : {"quickstart", "another"}) {
      if (stub == known.get() && repository == std::string("another")) continue;
      emulator_.ClearJournal();
      for (const auto& [name, end] : EachCall(*stub, repository)) {
        EXPECT_EQ(end.status.error_code(), grpc::PERMISSION_DENIED)
            << name << ": " << end.status.error_message();
        EXPECT_EQ(end.reason, "PERMISSION_DENIED") << name;
      }
      for (const JournalEntry& entry : emulator_.Journal()) {
        ADD_FAILURE() << entry.operation << " was asked";
      }
    }
  }
  const auto outcome = [](pb::Staging::Stub& stub, const char* request_id,
                          const char* repository) {
    grpc::ClientContext context;
    pb::GetUploadOutcomeRequest request;
    request.set_request_id(request_id);
    *request.mutable_object() = HeaderFor("o").object();
    request.mutable_object()->set_repository(repository);
    if (*repository == '\0') request.clear_object();
    pb::GetUploadOutcomeResponse response;
    return stub.GetUploadOutcome(&context, request, &response).error_code();
  };
  EXPECT_EQ(outcome(*unknown, "unknown", ""), grpc::PERMISSION_DENIED);
  EXPECT_EQ(outcome(*known, "known", ""), grpc::PERMISSION_DENIED);
  EXPECT_EQ(outcome(*known, "known", "another"), grpc::PERMISSION_DENIED)
      << "the name of an object that may be asked about is no way to another";
  EXPECT_EQ(outcome(*known, "unknown", ""), grpc::NOT_FOUND);
}

TEST_F(SecurityTest, SocketsHaveTheirMode) {
  const auto mode_of = [this] {
    struct stat info {};
    EXPECT_EQ(stat(Socket().c_str(), &info), 0);
    return info.st_mode & 0777;
  };
  {
    GatewayProcess gateway(emulator_.endpoint(), {"--listen=unix:" + Socket()});
    EXPECT_EQ(mode_of(), 0600U);
    EXPECT_TRUE(Put("unix:" + Socket()).status.ok());
  }
  if (getuid() != 0) GTEST_SKIP() << "only root has other groups for certain";
  const group* daemon = getgrnam("daemon");
  ASSERT_NE(daemon, nullptr);
  const gid_t gid = daemon->gr_gid;
  GatewayProcess gateway(
      emulator_.endpoint(),
      {"--listen=unix:" + Socket(), "--unix-mode=0660", "--unix-group=daemon"});
  EXPECT_EQ(mode_of(), 0660U);
  struct stat info {};
  ASSERT_EQ(stat(Socket().c_str(), &info), 0);
  EXPECT_EQ(info.st_gid, gid);
  EXPECT_NE(gid, getgid());
}

TEST_F(SecurityTest, WhatWouldBeUnsafeDoesNotStart) {
  Certificates certificates(absl::StrCat(folder_, "/tls"));
  certificates.Issue("gateway", "DNS:gateway.test");
  certificates.Issue("other", "DNS:gateway.test");
  const std::string open_key =
      Write("open.key", Certificates::Read(certificates.Key("gateway")), 0644);
  const std::string cert = " --tls-cert=" + certificates.Pem("gateway");
  const std::pair<std::string, const char*> cases[] = {
      {"--listen=0.0.0.0:0", "--allow-plaintext"},
      {"--listen=127.0.0.1:0" + cert + " --tls-key=" + open_key, "mode 0644"},
      {"--listen=127.0.0.1:0" + cert +
           " --tls-key=" + certificates.Key("other"),
       "not that of --tls-cert"},
      {"--listen=127.0.0.1:0" + cert, "tls-key"},
      {"--token-file=" + Write("token", "t", 0644), "mode 0644"},
      {"--client-cert=" + certificates.Pem("gateway") +
           " --client-key=" + open_key,
       "mode 0644"},
      {"--credentials-file=" + Write("keys", "a:b"), "does not hold LAKECTL"},
      {"--credentials-file=" + Write("k", "x") + " --auth=login",
       "does not hold LAKECTL"},
      {"--token-file=/nonexistent", "/nonexistent cannot be read"},
      {"--allow-file=/nonexistent", "/nonexistent"},
      {"--allow-file=" + Write("a.yaml", "callers: [1]\n"), "a.yaml"},
      {"--unix-group=nosuchgroup --listen=unix:" + Socket(), "no such group"},
      {"--unix-mode=9", "--unix-mode=9 is not a mode"},
      {"--token-file=" + Write("open", "t", 0644), "--token-file="},
      {"--credentials-file=/nonexistent", "--credentials-file=/nonexistent"},
      {"--ca-file=/nonexistent", "--ca-file=/nonexistent cannot be read"},
      {"--ca-file=" + Write("ca.pem", "x"), "ca.pem is no PEM certificate"},
      {"--listen=unix:" + Write("file", "x"), "not a socket"},
  };
  for (const auto& [flags, message] : cases) {
    const std::string said = Refused(flags);
    EXPECT_THAT(said, ::testing::StartsWith("2 lakefs-staging-gateway: "))
        << flags;
    EXPECT_THAT(said, HasSubstr(message)) << flags;
  }
}

TEST_F(SecurityTest, PlaintextIsServedWhereItIsAskedForByName) {
  GatewayProcess gateway(emulator_.endpoint(),
                         {"--listen=0.0.0.0:0", "--allow-plaintext=true"});
  EXPECT_TRUE(Put(gateway.address()).status.ok());
}

TEST_F(SecurityTest, SessionsAreHadForTheKeyAndRenewed) {
  for (const char* auth : {"login", "cookie"}) {
    SCOPED_TRACE(auth);
    emulator_.ClearJournal();
    GatewayProcess gateway(emulator_.endpoint(),
                           {absl::StrCat("--auth=", auth)});
    ASSERT_TRUE(Put(gateway.address()).status.ok());
    // lakeFS has forgotten the session.
    Fault refused;
    refused.operation = "getPhysicalAddress";
    refused.status = 401;
    emulator_.AddFault(refused);
    const CallEnd again = Put(gateway.address());
    EXPECT_TRUE(again.status.ok()) << again.status.error_message();
    int logins = 0;
    for (const JournalEntry& entry : emulator_.Journal()) {
      logins += entry.operation == "login";
      if (entry.operation != "linkPhysicalAddress") continue;
      const bool cookie = entry.headers.contains("cookie");
      EXPECT_EQ(cookie, auth == std::string("cookie"));
      if (!cookie) {
        EXPECT_EQ(entry.headers.at("authorization"), "Bearer");
      }
    }
    EXPECT_EQ(logins, 2);
  }
}

TEST_F(SecurityTest, CallersBringTheirOwnAuthorization) {
  GatewayProcess gateway(emulator_.endpoint(), {"--auth=pass-through"},
                         {{"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ""},
                          {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ""}});
  const auto put = [&](const std::string& authorization) {
    grpc::ClientContext context;
    if (!authorization.empty()) {
      context.AddMetadata("authorization", authorization);
    }
    pb::UploadObjectRequest request;
    *request.mutable_header() = HeaderFor("o");
    request.set_data("data");
    pb::UploadObjectResponse response;
    return gateway.NewStub()->UploadObject(&context, request, &response);
  };
  EXPECT_EQ(put("").error_code(), grpc::UNAUTHENTICATED);
  EXPECT_EQ(put(kNobody).error_code(), grpc::UNAUTHENTICATED);
  EXPECT_TRUE(put(kSomebody).ok());
  // What that one may is not what the next one may.
  EXPECT_EQ(put("").error_code(), grpc::UNAUTHENTICATED);
}

TEST_F(SecurityTest, WhatOneCallerLearnedIsNotToldToTheNext) {
  GatewayProcess gateway(emulator_.endpoint(), {"--auth=pass-through"},
                         {{"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ""},
                          {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ""}});
  const auto link = [&](const std::string& authorization) {
    grpc::ClientContext context;
    context.AddMetadata("authorization", authorization);
    pb::LinkPhysicalAddressRequest request;
    *request.mutable_object() = HeaderFor("o").object();
    request.mutable_metadata()->mutable_staging()->set_physical_address(
        "s3://another/x");
    request.mutable_metadata()->set_checksum("abc");
    pb::LinkPhysicalAddressResponse response;
    return gateway.NewStub()->LinkPhysicalAddress(&context, request, &response);
  };
  const grpc::Status good = link(kSomebody);
  EXPECT_THAT(good.error_message(), HasSubstr("storage namespace"));
  const grpc::Status bad = link(kNobody);
  EXPECT_EQ(bad.error_code(), grpc::UNAUTHENTICATED);
  EXPECT_THAT(bad.error_message(), Not(HasSubstr("storage namespace")));
}

TEST_F(SecurityTest, AResultIsToldOnlyToWhoMadeTheCall) {
  GatewayProcess gateway(emulator_.endpoint(), {"--auth=pass-through"},
                         {{"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ""},
                          {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ""}});
  auto stub = gateway.NewStub();
  const auto context_of = [](const char* authorization) {
    auto context = std::make_unique<grpc::ClientContext>();
    if (*authorization != '\0') {
      context->AddMetadata("authorization", authorization);
    }
    return context;
  };
  pb::UploadObjectRequest request;
  *request.mutable_header() = HeaderFor("o");
  request.mutable_header()->set_request_id("once");
  pb::UploadObjectResponse response;
  ASSERT_TRUE(
      stub->UploadObject(context_of(kSomebody).get(), request, &response).ok());
  pb::GetUploadOutcomeRequest question;
  question.set_request_id("once");
  *question.mutable_object() = request.header().object();
  pb::GetUploadOutcomeResponse answer;
  EXPECT_TRUE(
      stub->GetUploadOutcome(context_of(kSomebody).get(), question, &answer)
          .ok());
  for (const char* another : {kNobody, ""}) {
    EXPECT_EQ(
        stub->GetUploadOutcome(context_of(another).get(), question, &answer)
            .error_code(),
        grpc::UNAUTHENTICATED);
    EXPECT_EQ(stub->UploadObject(context_of(another).get(), request, &response)
                  .error_code(),
              grpc::UNAUTHENTICATED);
  }
}

TEST_F(SecurityTest, AuthorizationOfCallersGoesNowhereUnlessSwitchedOn) {
  GatewayProcess gateway(emulator_.endpoint());
  grpc::ClientContext context;
  context.AddMetadata("authorization", kNobody);
  pb::UploadObjectRequest request;
  *request.mutable_header() = HeaderFor("o");
  pb::UploadObjectResponse response;
  EXPECT_TRUE(
      gateway.NewStub()->UploadObject(&context, request, &response).ok());
}

TEST_F(SecurityTest, ATokenFileIsReadAgain) {
  const std::string token = Write("token", "wrong");
  GatewayProcess gateway(emulator_.endpoint(), {"--token-file=" + token});
  EXPECT_EQ(Put(gateway.address()).status.error_code(), grpc::UNAUTHENTICATED);
  // A token that lakeFS takes, had by a login.
  const std::string reply = absl::StrCat(folder_, "/reply");
  ASSERT_EQ(
      std::system(
          absl::StrCat(
              "curl -sf -o ", reply,
              " -H 'Content-Type: application/json' -d '",
              R"({"access_key_id":"AKIAIOSFODNN7EXAMPLE","secret_access_key":)",
              R"("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"}' )",
              emulator_.endpoint(), "/api/v1/auth/login")
              .c_str()),
      0);
  std::string text = Certificates::Read(reply);
  text = text.substr(text.find("\"token\":\"") + 9);
  Write("token", text.substr(0, text.find('"')) + "\n");
  const CallEnd end = Put(gateway.address());
  EXPECT_TRUE(end.status.ok()) << end.status.error_message();
}

TEST_F(SecurityTest, AFileOfKeysIsReadAgain) {
  const auto keys = [](const std::string& secret) {
    return absl::StrCat(
        "LAKECTL_CREDENTIALS_ACCESS_KEY_ID=AKIAIOSFODNN7EXAMPLE\n"
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=",
        secret, "\n");
  };
  for (const char* auth : {"keys", "login", "cookie"}) {
    const std::string file = Write("credentials.env", keys("wrong"));
    GatewayProcess gateway(
        emulator_.endpoint(),
        {"--credentials-file=" + file, absl::StrCat("--auth=", auth)},
        {{"LAKECTL_CREDENTIALS_ACCESS_KEY_ID", ""},
         {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY", ""}});
    EXPECT_EQ(Put(gateway.address()).status.error_code(),
              grpc::UNAUTHENTICATED);
    Write("credentials.env", keys("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"));
    CallEnd end = Put(gateway.address());
    // A login that failed is not repeated for a second.
    for (int i = 0; i < 50 && !end.status.ok(); ++i) {
      std::this_thread::sleep_for(milliseconds(100));
      end = Put(gateway.address());
    }
    EXPECT_TRUE(end.status.ok()) << auth << ": " << end.status.error_message();
  }
}

TEST_F(SecurityTest, NothingIsSentToMetadataServices) {
  for (const char* endpoint :
       {"http://169.254.169.254", "http://[fe80::1]:80",
        "http://metadata.google.internal", "http://0xa9fea9fe",
        "http://2852039166", "http://0251.0376.0251.0376",
        "http://[::ffff:169.254.169.254]"}) {
    GatewayProcess gateway(endpoint);
    const CallEnd end = Put(gateway.address());
    EXPECT_EQ(end.status.error_code(), grpc::PERMISSION_DENIED) << endpoint;
    EXPECT_THAT(end.status.error_message(), HasSubstr("metadata")) << endpoint;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
