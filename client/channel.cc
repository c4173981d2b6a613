#include "client/channel.h"

#include <arpa/inet.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "client/failure.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {
namespace {

// A chunk or an object of 4 MiB and its framing; replies are far smaller.
constexpr int kMaxMessageBytes = 4 * 1024 * 1024 + 16 * 1024;

// How soon a stop is noticed while the connection is made.
constexpr absl::Duration kStopPoll = absl::Milliseconds(50);

constexpr std::chrono::milliseconds kWhyNotTimeout(200);
constexpr absl::string_view kLastError = "last error: ";

bool UsesTls(const ChannelOptions& options) {
  return options.tls || !options.ca_file.empty() ||
         !options.client_cert.empty() || !options.client_key.empty();
}

std::string Variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

bool IsLoopback(absl::string_view address) {
  absl::string_view host = address.substr(0, address.rfind(':'));
  if (absl::ConsumePrefix(&host, "[")) absl::ConsumeSuffix(&host, "]");
  in_addr v4;
  in6_addr v6;
  const std::string name(host);
  if (inet_pton(AF_INET, name.c_str(), &v4) == 1) {
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  return name == "localhost" || (inet_pton(AF_INET6, name.c_str(), &v6) == 1 &&
                                 IN6_IS_ADDR_LOOPBACK(&v6));
}

// Whether nobody has answered yet: what connects may yet come to be there.
// Anything else, such as a failed handshake, is an answer.
bool IsNobodyYet(absl::string_view why) {
  return why.empty() || absl::StrContains(why, "refused") ||
         absl::StrContains(why, "No such file") ||
         absl::StrContains(why, "Failed to connect to remote host") ||
         absl::StrContains(why, "timed out") ||
         absl::StrContains(why, "DNS resolution") ||
         absl::StrContains(why, "unreachable");
}

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

// Why `channel` could not be connected, as gRPC tells it: the last error only,
// or nothing. gRPC tells it to calls alone, and a call on a channel whose
// connection has just failed fails at once; the empty one here would be
// refused.
std::string WhyNot(const std::shared_ptr<grpc::Channel>& channel) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + kWhyNotTimeout);
  v1::GetUploadOutcomeResponse response;
  const grpc::Status status = v1::Staging::NewStub(channel)->GetUploadOutcome(
      &context, v1::GetUploadOutcomeRequest(), &response);
  if (status.error_code() != grpc::StatusCode::UNAVAILABLE) return "";
  const std::string message = status.error_message();
  absl::string_view why = message;
  const size_t last = why.rfind(kLastError);
  if (last != absl::string_view::npos) {
    why.remove_prefix(last + kLastError.size());
  }
  absl::ConsumePrefix(&why, "UNKNOWN: ");
  return std::string(why);
}

absl::Status Unreachable(const std::string& address, const std::string& why) {
  return MakeFailure(
      absl::StatusCode::kUnavailable, kGatewayUnreachable,
      absl::StrCat("no gateway answers at ", address,
                   why.empty() ? "" : absl::StrCat(" (", why, ")")));
}

absl::Status Wrong(const std::string& message) {
  return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                     message, v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_FIX_REQUEST);
}

// Reads the file, if one is named.
absl::Status Read(const std::string& path, std::string& text) {
  if (path.empty()) return absl::OkStatus();
  std::ifstream file(path, std::ios::binary);
  text.assign(std::istreambuf_iterator<char>(file), {});
  if (file.good() && !text.empty()) return absl::OkStatus();
  return Wrong(absl::StrCat(path, " cannot be read, or is empty"));
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> CredentialsOf(
    const ChannelOptions& options) {
  if (!UsesTls(options)) return grpc::InsecureChannelCredentials();
  if (options.client_cert.empty() != options.client_key.empty()) {
    return Wrong("a client's certificate and its key go together");
  }
  grpc::SslCredentialsOptions tls;
  absl::Status status = Read(options.ca_file, tls.pem_root_certs);
  status.Update(Read(options.client_cert, tls.pem_cert_chain));
  status.Update(Read(options.client_key, tls.pem_private_key));
  if (!status.ok()) return status;
  return grpc::SslCredentials(tls);
}

}  // namespace

std::string DefaultGateway() {
  const std::string named = Variable("LAKEFS_STAGING_GATEWAY");
  return named.empty() ? "127.0.0.1:8765" : named;
}

absl::StatusOr<std::string> AuthorizationFor(const std::string& address,
                                             const ChannelOptions& options) {
  std::string value = options.authorization
                          ? *options.authorization
                          : Variable("LAKEFS_STAGING_AUTHORIZATION");
  // gRPC crashes on metadata that are not.
  for (const char c : value) {
    if (!absl::ascii_isprint(static_cast<unsigned char>(c))) {
      return Wrong("the authorization is no line of printable ASCII");
    }
  }
  if (!value.empty() && !UsesTls(options) && !IsUnixSocket(address) &&
      !IsLoopback(address) && !options.allow_plaintext_authorization) {
    return Wrong(absl::StrCat(
        "the authorization is not sent to ", address,
        " without TLS, unless allow_plaintext_authorization says so"));
  }
  return value;
}

absl::StatusOr<std::shared_ptr<grpc::Channel>> MakeChannel(
    const std::string& address, const ChannelOptions& options) {
  if (!IsUnixSocket(address) && !IsHostAndPort(address)) {
    return Wrong(absl::StrCat(
        "\"", absl::Utf8SafeCEscape(address),
        "\" is no gateway address; write HOST:PORT or unix:/path"));
  }
  auto credentials = CredentialsOf(options);
  if (!credentials.ok()) return credentials.status();
  grpc::ChannelArguments args;
  args.SetMaxSendMessageSize(kMaxMessageBytes);
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  // A sidecar is never behind a proxy, though the environment may name one.
  args.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  args.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
  args.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  args.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // The most that one attempt to connect may take.
  args.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  // Each client has a connection of its own, which ends with it.
  args.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(address, *std::move(credentials), args);
}

absl::Status WaitForConnection(const std::shared_ptr<grpc::Channel>& channel,
                               const std::string& address, absl::Time deadline,
                               const std::stop_token& stop) {
  std::string why;
  bool looked = false;
  for (;;) {
    if (stop.stop_requested()) {
      return MakeFailure(absl::StatusCode::kCancelled, kCancelled,
                         "the call was cancelled");
    }
    const grpc_connectivity_state state = channel->GetState(true);
    if (state == GRPC_CHANNEL_READY) return absl::OkStatus();
    if (state == GRPC_CHANNEL_TRANSIENT_FAILURE && !looked) {
      why = WhyNot(channel);
      looked = true;
      if (!IsNobodyYet(why)) return Unreachable(address, why);
    }
    if (state == GRPC_CHANNEL_SHUTDOWN || absl::Now() >= deadline) {
      return Unreachable(address, why);
    }
    const absl::Time until = std::min(deadline, absl::Now() + kStopPoll);
    channel->WaitForStateChange(state, absl::ToChronoTime(until));
  }
}

}  // namespace lakefs::staging
