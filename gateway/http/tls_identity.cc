#include "gateway/http/tls_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/log.h"
#include "gateway/base/secret_file.h"

namespace lakefs::gateway {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio Over(const std::string& pem) {
  return {BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free};
}

// OpenSSL would ask for a passphrase on the terminal.
int NoPassphrase(char*, int, int, void*) { return 0; }

Certificate NextCertificate(BIO* pem) {
  return {PEM_read_bio_X509_AUX(pem, nullptr, NoPassphrase, nullptr),
          X509_free};
}

// Gives `context` the chain; false if it has no use for it.
bool UseChain(SSL_CTX* context, const std::string& pem) {
  const Bio bio = Over(pem);
  if (SSL_CTX_use_certificate(context, NextCertificate(bio.get()).get()) != 1) {
    return false;
  }
  while (Certificate next = NextCertificate(bio.get())) {
    if (SSL_CTX_add1_chain_cert(context, next.get()) != 1) return false;
  }
  // Other than that there is no further one.
  return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
}

// Gives `context` the key, which has to be that of its certificate.
bool UseKey(SSL_CTX* context, const std::string& pem) {
  const Key key(
      PEM_read_bio_PrivateKey(Over(pem).get(), nullptr, NoPassphrase, nullptr),
      EVP_PKEY_free);
  return SSL_CTX_use_PrivateKey(context, key.get()) == 1 &&
         SSL_CTX_check_private_key(context) == 1;
}

// An error that begins with the setting; `what` begins with its file.
absl::Status Wrong(absl::string_view setting, absl::string_view what) {
  ERR_clear_error();
  return absl::InvalidArgumentError(absl::StrCat("--", setting, "=", what));
}

// Sets `pem`, and names the setting if that cannot be had.
absl::Status Take(absl::string_view setting, absl::StatusOr<std::string> text,
                  std::string& pem) {
  if (!text.ok()) return Wrong(setting, text.status().message());
  pem = *std::move(text);
  return absl::OkStatus();
}

absl::Status TakeAuthorities(absl::string_view setting, const std::string& path,
                             std::string& pem) {
  if (auto s = Take(setting, ReadFile(path), pem); !s.ok()) return s;
  if (NextCertificate(Over(pem).get()) == nullptr) {
    return Wrong(setting, absl::StrCat(path, " is no PEM certificate"));
  }
  return absl::OkStatus();
}

// That certificate and key are what they should be, and go together: gRPC tells
// nobody of what it cannot use, and every handshake just fails.
absl::Status Check(const TlsFiles& files, const TlsPems& pems) {
  const Context context(SSL_CTX_new(TLS_method()), SSL_CTX_free);
  ERR_clear_error();
  if (!UseChain(context.get(), pems.certificate)) {
    return Wrong(files.settings + "-cert",
                 files.certificate + " is no PEM certificate, or a weak one");
  }
  ERR_clear_error();
  if (!UseKey(context.get(), pems.key)) {
    return Wrong(
        files.settings + "-key",
        absl::StrCat(files.key,
                     " is no PEM key, has a passphrase, or is not that "
                     "of --",
                     files.settings, "-cert"));
  }
  ERR_clear_error();
  return absl::OkStatus();
}

absl::StatusOr<TlsPems> Read(const TlsFiles& files) {
  TlsPems pems;
  absl::Status status = Take(files.settings + "-cert",
                             ReadFile(files.certificate), pems.certificate);
  if (status.ok()) {
    status = Take(files.settings + "-key", ReadSecretFile(files.key), pems.key);
  }
  if (status.ok()) status = Check(files, pems);
  if (status.ok() && !files.client_ca.empty()) {
    status = TakeAuthorities(files.settings + "-client-ca", files.client_ca,
                             pems.client_ca);
  }
  if (!status.ok()) return status;
  return pems;
}

}  // namespace

absl::Status CheckAuthorities(absl::string_view setting,
                              const std::string& path) {
  std::string pem;
  return TakeAuthorities(setting, path, pem);
}

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::OpenIfGiven(
    TlsFiles files) {
  if (files.certificate.empty()) return nullptr;
  return Open(std::move(files));
}

absl::StatusOr<std::unique_ptr<TlsIdentity>> TlsIdentity::Open(TlsFiles files) {
  auto pems = Read(files);
  if (!pems.ok()) return pems.status();
  return std::unique_ptr<TlsIdentity>(
      new TlsIdentity(std::move(files), *std::move(pems)));
}

TlsIdentity::TlsIdentity(TlsFiles files, TlsPems pems)
    : files_(std::move(files)),
      pems_(std::make_shared<const TlsPems>(std::move(pems))) {}

std::shared_ptr<const TlsPems> TlsIdentity::Get() const {
  absl::MutexLock lock(&mu_);
  return pems_;
}

TlsIdentity::Change TlsIdentity::ReadAgain() {
  auto read = Read(files_);
  if (!read.ok()) {
    if (wrong_ != read.status().message()) {
      wrong_ = std::string(read.status().message());
      told_ = false;
      return Change::kNone;
    }
    if (told_) return Change::kNone;
    told_ = true;
    Log(LogLevel::kError, "certificate or key is refused",
        {{"message", wrong_}});
    return Change::kRefused;
  }
  const bool was_told = std::exchange(told_, false);
  wrong_.clear();
  if (*read == *Get()) {
    if (was_told) {
      Log(LogLevel::kInfo, "certificate and key are as they were",
          {{"file", files_.certificate}});
    }
    return Change::kNone;
  }
  {
    auto pems = std::make_shared<const TlsPems>(*std::move(read));
    absl::MutexLock lock(&mu_);
    pems_ = std::move(pems);
  }
  Log(LogLevel::kInfo, "certificate and key read again",
      {{"file", files_.certificate}});
  return Change::kRenewed;
}

}  // namespace lakefs::gateway
