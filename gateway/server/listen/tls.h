// TLS of the listeners.
#pragma once

#include <grpcpp/security/server_credentials.h>

#include <memory>

#include "gateway/http/tls_identity.h"

namespace lakefs::gateway {

// What a listener with TLS is opened with: each handshake shows what is good in
// `identity` then, and asks for a certificate of the caller's if there are
// authorities for it.
//
// Threads: for one acceptor, whose connections are handed over one at a time.
// gRPC 1.51 replaces what it makes handshakes from under a lock, but takes it
// up for the next one without.
std::shared_ptr<grpc::ServerCredentials> TlsCredentials(
    const TlsIdentity& identity);

}  // namespace lakefs::gateway
