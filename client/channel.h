// The connection to a gateway.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace lakefs::staging {

// How to speak with a gateway. The default, plaintext, is for one beside the
// caller, or behind a mesh.
struct ChannelOptions {
  // TLS, also where one of the files is named.
  bool tls = false;
  // PEM files, read when the channel is made.
  std::string ca_file;      // whom to trust; empty: the system's authorities
  std::string client_cert;  // to show the gateway; with its key or not at all
  std::string client_key;
};

// A channel to `address`: `HOST:PORT` or `unix:/path`. No proxy, and no call
// repeated behind the caller's back. Does not connect yet.
//
// Errors: INVALID_ARGUMENT, INVALID_REQUEST where `address` is neither form, a
// file cannot be read, or a certificate comes without its key.
absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const ChannelOptions& options = {});

// Waits until `channel` is connected, so that a later failure is known to be a
// lost connection and not one that never was.
//
// Errors: UNAVAILABLE, GATEWAY_UNREACHABLE, naming `address` and what
// the system says of it; CANCELLED.
// Blocking: until connected or refused, `deadline`, or `stop`.
absl::Status WaitForConnection(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& address, absl::Time deadline,
                               const std::stop_token& stop);

}  // namespace lakefs::staging
