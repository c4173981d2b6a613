// The gateway's own certificate, and whose certificates callers must have.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"

namespace lakefs::gateway {

// PEM files. They are read again within seconds of a change; key and
// certificate have to be replaced together, by a link or a rename of their
// folder, as Kubernetes does.
struct TlsFiles {
  std::string certificate;  // the chain; empty: no TLS
  std::string key;
  std::string client_ca;  // empty: clients need no certificate
};

// What a listener with TLS is opened with.
//
// Errors: INVALID_ARGUMENT, with the setting's name, if a file cannot be read,
// is not what it should be, does not go with the other, or holds a key that is
// open to others.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> TlsCredentials(
    const TlsFiles& files);

}  // namespace lakefs::gateway
