#include "gateway/server/listen/tls.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>

namespace lakefs::gateway {
namespace {

// gRPC for C++ has no way to ask for a certificate at each handshake; its core
// has.
class AskedCredentials final : public grpc::ServerCredentials {
 public:
  explicit AskedCredentials(const TlsIdentity& identity)
      : identity_(identity) {}

  void SetAuthMetadataProcessor(
      const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address,
                      grpc_server* server) override {
    grpc_server_credentials* credentials =
        grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                identity_.Get()->client_ca.empty()
                    ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY,
                Ask, this));
    const int port =
        grpc_server_add_http2_port(server, address.c_str(), credentials);
    grpc_server_credentials_release(credentials);
    return port;
  }

  static grpc_ssl_certificate_config_reload_status Ask(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<AskedCredentials*>(self);
    auto now = credentials.identity_.Get();
    if (now == credentials.shown_) {
      return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    }
    const grpc_ssl_pem_key_cert_pair pair{now->key.c_str(),
                                          now->certificate.c_str()};
    // Debian's gRPC insists on authorities, even where nobody is asked for a
    // certificate that they could have issued.
    *config = grpc_ssl_server_certificate_config_create(
        now->client_ca.empty() ? now->certificate.c_str()
                               : now->client_ca.c_str(),
        &pair, 1);
    credentials.shown_ = std::move(now);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const TlsIdentity& identity_;
  std::shared_ptr<const TlsPems> shown_;
};

}  // namespace

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    const TlsIdentity& identity) {
  return std::make_shared<AskedCredentials>(identity);
}

}  // namespace lakefs::gateway
