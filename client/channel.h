// The connection to a gateway.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <optional>
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

  // What a gateway with --auth=pass-through hands on to lakeFS: "Basic …" or
  // "Bearer …"; by default the environment's LAKEFS_STAGING_AUTHORIZATION, if
  // there is one. A secret: without TLS it goes only to a unix socket or a
  // loopback address, unless that is allowed, as within a mesh that encrypts.
  std::optional<std::string> authorization;
  bool allow_plaintext_authorization = false;

  // The longest that a call waits for the connection.
  absl::Duration connect_timeout = absl::Seconds(10);
};

// The address of the gateway that the environment names
// (LAKEFS_STAGING_GATEWAY), else 127.0.0.1:8765.
std::string DefaultGateway();

// The authorization that goes with each call, or nothing.
//
// Errors: INVALID_ARGUMENT, INVALID_REQUEST where it is no line of printable
// ASCII, or cannot be sent to `address`.
absl::StatusOr<std::string> AuthorizationFor(const std::string& address,
                                             const ChannelOptions& options);

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
// One that refuses is tried again.
//
// Errors: UNAVAILABLE, GATEWAY_UNREACHABLE, naming `address` and what
// the system says of it; CANCELLED.
// Blocking: until connected, or until somebody answers who is none to speak
// with, `deadline`, or `stop`.
absl::Status WaitForConnection(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& address, absl::Time deadline,
                               const std::stop_token& stop);

}  // namespace lakefs::staging
