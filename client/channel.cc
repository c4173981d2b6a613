#include "client/channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

// A chunk or an object of 4 MiB and its framing; replies are far smaller.
constexpr int kMaxMessageBytes = 4 * 1024 * 1024 + 16 * 1024;

// How soon a stop is noticed while the connection is made.
constexpr absl::Duration kStopPoll = absl::Milliseconds(50);

bool IsHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos || colon == 0) return false;
  int port;
  return !absl::StrContains(address, "/") &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port > 0 &&
         port < 65536;
}

bool IsUnixSocket(absl::string_view address) {
  return absl::ConsumePrefix(&address, "unix:") && !address.empty();
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address) {
  if (!IsUnixSocket(address) && !IsHostAndPort(address)) {
    return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                       absl::StrCat("\"", absl::Utf8SafeCEscape(address),
                                    "\" is no gateway address; write HOST:PORT "
                                    "or unix:/path"));
  }
  grpc::ChannelArguments args;
  args.SetMaxSendMessageSize(kMaxMessageBytes);
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A sidecar is never behind a proxy, though the environment may name one.
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(),
                                   args);
}

absl::Status WaitForConnection(grpc::Channel& channel,
                               const std::string& address, absl::Time deadline,
                               const std::stop_token& stop) {
  for (;;) {
    if (stop.stop_requested()) {
      return MakeFailure(absl::StatusCode::kCancelled, kCancelled,
                         "the call was cancelled");
    }
    const grpc_connectivity_state state = channel.GetState(true);
    if (state == GRPC_CHANNEL_READY) return absl::OkStatus();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE ||
        state == GRPC_CHANNEL_SHUTDOWN || absl::Now() >= deadline) {
      return MakeFailure(absl::StatusCode::kUnavailable, kGatewayUnreachable,
                         absl::StrCat("no gateway answers at ", address));
    }
    const absl::Time until = std::min(deadline, absl::Now() + kStopPoll);
    channel.WaitForStateChange(state, absl::ToChronoTime(until));
  }
}

}  // namespace lakefs::staging
