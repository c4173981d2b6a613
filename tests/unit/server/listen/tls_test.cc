// The TLS of a listener, against OpenSSL as the caller.
#include "gateway/server/listen/tls.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gateway/server/listen/listener.h"
#include "tests/testing/certificates.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

// A gRPC server without a service, which takes connections as ours does.
class TlsServer {
 public:
  explicit TlsServer(const TlsIdentity& identity) {
    grpc::ServerBuilder builder;
    acceptor_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        TlsCredentials(identity));
    completions_ = builder.AddCompletionQueue();
    server_ = builder.BuildAndStart();
    EXPECT_NE(server_, nullptr);
    // Nothing completes, but who waits for it moves the connections.
    poller_ = std::thread([this] {
      void* tag = nullptr;
      for (bool ok = false; completions_->Next(&tag, &ok);) continue;
    });
    auto sockets = ListenOnTcp("127.0.0.1:0");
    EXPECT_THAT(sockets, IsOk());
    port_ = sockets->port;
    listener_ = std::make_unique<Listener>(sockets->fds, [this](int fd) {
      grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
          connection;
      connection.fd = fd;
      acceptor_->HandleNewConnection(&connection);
    });
  }
  ~TlsServer() {
    listener_.reset();
    server_->Shutdown(std::chrono::system_clock::now());
    server_->Wait();
    completions_->Shutdown();
    poller_.join();
  }
  int port() const { return port_; }

 private:
  int port_ = 0;
  std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> acceptor_;
  std::unique_ptr<grpc::ServerCompletionQueue> completions_;
  std::unique_ptr<grpc::Server> server_;
  std::thread poller_;
  std::unique_ptr<Listener> listener_;
};

// The common name of the certificate that is shown there; "" if the handshake
// fails. The caller shows a certificate of its own if it is given one.
std::string NameShownAt(int port, const std::string& certificate = "",
                        const std::string& key = "") {
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(
      SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  if (!certificate.empty()) {
    SSL_CTX_use_certificate_file(context.get(), certificate.c_str(),
                                 SSL_FILETYPE_PEM);
    SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM);
  }
  // With TLS 1.3 a caller hears only later that its certificate is not taken.
  SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
  const std::unique_ptr<SSL, decltype(&SSL_free)> tls(SSL_new(context.get()),
                                                      SSL_free);
  SSL_set_alpn_protos(tls.get(), reinterpret_cast<const uint8_t*>("\x02h2"), 3);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{20, 0};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(port);
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string name;
  SSL_set_fd(tls.get(), fd);
  if (connect(fd, reinterpret_cast<sockaddr*>(&to), sizeof(to)) == 0 &&
      SSL_connect(tls.get()) == 1) {
    char text[64] = "";
    const std::unique_ptr<X509, decltype(&X509_free)> peer(
        SSL_get1_peer_certificate(tls.get()), X509_free);
    X509_NAME_get_text_by_NID(X509_get_subject_name(peer.get()), NID_commonName,
                              text, sizeof(text));
    name = text;
  }
  close(fd);
  return name;
}

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() {
    for (const char* name : {"one", "two"}) {
      certificates_.Issue(name, "DNS:gateway.test");
    }
    Use("one");
  }
  ~TlsTest() override { std::filesystem::remove_all(folder_); }

  static std::string NewFolder() {
    char name[] = "/tmp/tls-test-XXXXXX";
    return mkdtemp(name);
  }
  void Use(const std::string& name) {
    const auto over = std::filesystem::copy_options::overwrite_existing;
    std::filesystem::copy_file(certificates_.Pem(name), files_.certificate,
                               over);
    std::filesystem::copy_file(certificates_.Key(name), files_.key, over);
  }

  const std::string folder_ = NewFolder();
  Certificates certificates_{folder_ + "/made"};
  TlsFiles files_{.certificate = folder_ + "/tls.pem",
                  .key = folder_ + "/tls.key",
                  .settings = "tls"};
};

TEST_F(TlsTest, EachHandshakeShowsWhatIsGoodThen) {
  const auto identity = TlsIdentity::Open(files_);
  ASSERT_THAT(identity, IsOk());
  TlsServer server(**identity);
  for (int i = 0; i < 3; ++i) {
    for (const char* name : {"one", "two"}) {
      Use(name);
      (*identity)->ReadAgain();
      EXPECT_EQ(NameShownAt(server.port()), name);
      EXPECT_EQ(NameShownAt(server.port()), name);
    }
  }
  Use("one");
  std::filesystem::permissions(files_.key, std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  (*identity)->ReadAgain();
  EXPECT_EQ(NameShownAt(server.port()), "two") << "an open key was taken";
}

TEST_F(TlsTest, WhoIsAskedForACertificateNeedsOneOfTheAuthoritiesOfNow) {
  Certificates others(folder_ + "/others");
  others.Issue("caller", "DNS:caller.test");
  files_.client_ca = folder_ + "/ca.pem";
  std::filesystem::copy_file(certificates_.Pem("ca"), files_.client_ca);
  const auto identity = TlsIdentity::Open(files_);
  ASSERT_THAT(identity, IsOk());
  TlsServer server(**identity);
  const auto taken = [&](const Certificates& of, const char* name) {
    return !NameShownAt(server.port(), of.Pem(name), of.Key(name)).empty();
  };
  EXPECT_EQ(NameShownAt(server.port()), "");
  EXPECT_TRUE(taken(certificates_, "two"));
  EXPECT_FALSE(taken(others, "caller"));
  std::filesystem::copy_file(others.Pem("ca"), files_.client_ca,
                             std::filesystem::copy_options::overwrite_existing);
  (*identity)->ReadAgain();
  EXPECT_TRUE(taken(others, "caller"));
  EXPECT_FALSE(taken(certificates_, "two"));
}

TEST_F(TlsTest, CallersComeAllTheWhileThatItIsReplaced) {
  const auto identity = TlsIdentity::Open(files_);
  ASSERT_THAT(identity, IsOk());
  TlsServer server(**identity);
  std::atomic<bool> over = false;
  std::atomic<int> failed = 0;
  std::atomic<int> came = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      while (!over) {
        failed += NameShownAt(server.port()).empty();
        ++came;
      }
    });
  }
  for (int i = 0; i < 50; ++i) {
    Use(i % 2 == 0 ? "two" : "one");
    EXPECT_EQ((*identity)->ReadAgain(), TlsIdentity::Change::kRenewed);
    const int before = came;
    while (came < before + 4) std::this_thread::yield();
  }
  over = true;
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0) << "of " << came;
}

}  // namespace
}  // namespace lakefs::gateway::testing
