// The certificate and the key by which the gateway is known to others.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace lakefs::gateway {

// PEM files. Key and certificate have to be replaced together, best by a link
// or a rename of their folder, as Kubernetes does.
struct TlsFiles {
  std::string certificate;  // the chain
  std::string key;          // without a passphrase
  std::string client_ca;    // of those who call; empty: they need none

  // How the names of their settings begin: "tls" of --tls-cert, --tls-key and
  // --tls-client-ca.
  std::string settings;
};

// What is in them.
struct TlsPems {
  std::string certificate;
  std::string key;  // a secret
  std::string client_ca;

  bool operator==(const TlsPems&) const = default;
};

// OK if the file holds authorities to trust.
// Errors: INVALID_ARGUMENT, with the setting's name.
absl::Status CheckAuthorities(absl::string_view setting,
                              const std::string& path);

// Reads the files itself, since gRPC and curl, which use what is in them, take
// a key whoever else can read it. What has become unusable is refused, and what
// was good goes on.
class TlsIdentity {
 public:
  // Errors: INVALID_ARGUMENT, with the setting's name, if a file cannot be
  // read, is not what it should be, does not go with the other, or holds a key
  // that is open to others.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> Open(TlsFiles files);

  // The same, but null where no certificate is given.
  static absl::StatusOr<std::unique_ptr<TlsIdentity>> OpenIfGiven(
      TlsFiles files);

  // What was good when it was read last. Shared, since handshakes go on with it
  // while it is replaced.
  //
  // Threads: may be called from any.
  std::shared_ptr<const TlsPems> Get() const;

  enum class Change { kNone, kRenewed, kRefused };

  // Reads the files again, and logs what has changed. Something wrong is told
  // of once, when it is found for the second time: files that are replaced one
  // by one do not go together for a moment.
  //
  // Threads: to be called from one at a time.
  Change ReadAgain();

 private:
  TlsIdentity(TlsFiles files, TlsPems pems);

  const TlsFiles files_;
  mutable absl::Mutex mu_;
  std::shared_ptr<const TlsPems> pems_ ABSL_GUARDED_BY(mu_);
  std::string wrong_;  // at the last look; empty: nothing
  bool told_ = false;  // of that
};

}  // namespace lakefs::gateway
