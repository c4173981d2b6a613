#include "gateway/server/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

constexpr unsigned kReadEverySeconds = 5;

absl::Status Wrong(absl::string_view setting, const std::string& file,
                   absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(
      absl::StrCat("--", setting, "=", file, " ", what));
}

// gRPC tells nobody of files that it cannot use; every handshake just fails.
absl::Status CheckFiles(const TlsFiles& files) {
  if (auto s = CheckSecretFile(files.key); !s.ok()) return s;
  const std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> tls(
      SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (SSL_CTX_use_certificate_chain_file(tls.get(),
                                         files.certificate.c_str()) != 1) {
    return Wrong("tls-cert", files.certificate, "is no PEM certificate");
  }
  if (SSL_CTX_use_PrivateKey_file(tls.get(), files.key.c_str(),
                                  SSL_FILETYPE_PEM) != 1) {
    return Wrong("tls-key", files.key,
                 "is no PEM key, or not that of --tls-cert");
  }
  if (!files.client_ca.empty() &&
      SSL_CTX_load_verify_locations(tls.get(), files.client_ca.c_str(),
                                    nullptr) != 1) {
    return Wrong("tls-client-ca", files.client_ca, "is no PEM certificate");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(
    const TlsFiles& files) {
  if (auto s = CheckFiles(files); !s.ok()) return s;
  namespace grpc_tls = grpc::experimental;
  grpc_tls::TlsServerCredentialsOptions options(
      std::make_shared<grpc_tls::FileWatcherCertificateProvider>(
          files.key, files.certificate, files.client_ca, kReadEverySeconds));
  options.watch_identity_key_cert_pairs();
  if (!files.client_ca.empty()) {
    options.watch_root_certs();
    options.set_cert_request_type(
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return grpc_tls::TlsServerCredentials(options);
}

}  // namespace lakefs::gateway
