#include "gateway/server/listen/server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <unistd.h>

#include <algorithm>
#include <climits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway {
namespace {

namespace pb = ::lakefs::staging::v1;

constexpr char kUnixPrefix[] = "unix:";

// Far above what a message may have, so that who sends too much is told by us,
// with a reason. Larger ones gRPC refuses with a bare status, once it has them
// whole.
constexpr int kMaxMessageBytes = 16 << 20;

// Of a call's metadata: an authorization, a trace, and what meshes add.
constexpr int kMaxMetadataBytes = 16 << 10;

// A chunk as its caller sends it. In HTTP/2's 16 KiB a client that keeps to
// what we announce (Rust's, for one) takes half as long again for a gigabyte.
constexpr int kMaxFrameBytes = 1 << 20;

// The window of a stream from this machine. A small one is both the fastest
// here and what keeps a stream that nobody reads from holding a megabyte. For
// callers farther away gRPC finds it by probing: what their line holds, and
// less when the quota runs short.
constexpr int kLookaheadBytes = 64 << 10;

// A caller whose machine is gone is noticed after a minute and a half: without
// that, its uploads would hold their memory until their deadline.
constexpr int kKeepaliveMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 30'000;

// For TLS and the first words of HTTP/2.
constexpr int kHandshakeMs = 20'000;
constexpr int kLeastHandshakeMs = 1'000;

// The most often that a caller may send pings of its own.
constexpr int kLeastPingIntervalMs = 10'000;

// Kept of the grace period, half of it at most, for calls that are cancelled
// then: a link in flight is asked about for five seconds, and the last question
// takes its time.
constexpr std::chrono::milliseconds kFindOutReserve{5'500};

// For statuses that are still on their way to callers.
constexpr std::chrono::milliseconds kLastWrites{500};

// Users that are told apart, each by a server of its own. One more is refused:
// a pod has a handful.
constexpr int64_t kMaxPeers = 64;

bool IsLoopback(absl::string_view address) {
  return absl::StartsWith(address, "127.") ||
         absl::StartsWith(address, "localhost:") ||
         absl::StartsWith(address, "[::1]:");
}

// As gRPC's settings take it; INT_MAX is never.
int Milliseconds(std::chrono::milliseconds span) {
  return static_cast<int>(std::min<int64_t>(span.count(), INT_MAX));
}

absl::Status CheckAddress(const std::string& address,
                          const ServerOptions& options) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, kUnixPrefix)) {
    return PrepareSocket(std::string(path));
  }
  if (IsLoopback(address) || options.tls != nullptr ||
      options.allow_plaintext) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "--listen=", address,
      ": only loopback addresses and unix sockets are served without TLS; use "
      "127.0.0.1:PORT or unix:/path, or set --tls-cert and --tls-key, or "
      "--allow-plaintext"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(
    ServerOptions options, const ServiceDependencies& dependencies,
    Metrics& metrics) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  auto server = std::unique_ptr<Server>(
      new Server(std::move(options), dependencies, metrics));
  if (auto s = server->Listen(); !s.ok()) return s;
  return server;
}

Server::Served Server::Build(const Callers& callers) const {
  const int idle_ms = Milliseconds(options_.idle_timeout);
  Served served;
  served.service =
      std::make_unique<StagingService>(dependencies_, callers.peer);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, kMaxFrameBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options_.max_streams);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, idle_ms);
  builder.AddChannelArgument(
      GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
      std::clamp(idle_ms, kLeastHandshakeMs, kHandshakeMs));
  if (options_.max_connection_age.count() > 0) {
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS,
                               Milliseconds(options_.max_connection_age));
    // Calls end by themselves: each has a deadline.
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, INT_MAX);
  }
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kLeastPingIntervalMs);
  if (callers.from != From::kFarAway) {
    builder.AddChannelArgument("grpc.http2.bdp_probe", 0);
    builder.AddChannelArgument("grpc.http2.lookahead_bytes", kLookaheadBytes);
  }
  // A compressed message is unpacked whole before its size is looked at.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.SetResourceQuota(quota_);
  builder.RegisterService(served.service.get());
  constexpr auto kFromFd =
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
  const bool tls = callers.from != From::kSocket && options_.tls != nullptr;
  served.acceptor = builder.experimental().AddExternalConnectionAcceptor(
      kFromFd,
      tls ? TlsCredentials(*options_.tls) : grpc::InsecureServerCredentials());
  served.server = builder.BuildAndStart();
  // Without a name, of which gRPC knows by itself, and by the service's: by
  // that some balancers and clients ask.
  auto& health = *served.server->GetHealthCheckService();
  health.SetServingStatus(pb::Staging::service_full_name(), true);
  health.SetServingStatus(!dependencies_.calls.draining());
  return served;
}

absl::Status Server::Listen() {
  for (const std::string& address : options_.listen) {
    if (auto s = CheckAddress(address, options_); !s.ok()) return s;
  }
  for (const std::string& address : options_.listen) {
    if (auto s = ListenOn(address); !s.ok()) return s;
  }
  return absl::OkStatus();
}

absl::Status Server::ListenOn(const std::string& address) {
  absl::string_view rest = address;
  if (!absl::ConsumePrefix(&rest, kUnixPrefix)) {
    auto sockets = ListenOnTcp(address);
    if (!sockets.ok()) return sockets.status();
    Accept(IsLoopback(address) ? From::kLoopback : From::kFarAway,
           sockets->fds);
    addresses_.push_back(absl::StrCat(address.substr(0, address.rfind(':')),
                                      ":", sockets->port));
    return absl::OkStatus();
  }
  const std::string path(rest);
  const auto fd = ListenOnSocket(path);
  if (!fd.ok()) return fd.status();
  socket_files_.push_back(path);
  Accept(From::kSocket, {*fd});
  addresses_.push_back(address);
  return SetAccess(path, options_.unix_mode, options_.unix_group);
}

void Server::Accept(From from, std::vector<int> fds) {
  {
    absl::MutexLock lock(&mu_);
    if (!TellsUsersApart(from)) ServedFor({from});
  }
  listeners_.push_back(std::make_unique<Listener>(
      std::move(fds), [this, from](int fd) { Take(fd, from); }));
}

void Server::Take(int fd, From from) {
  absl::MutexLock lock(&mu_);
  const Served* served = nullptr;
  if (!stopped_ && connections_.TryAdd(fd)) {
    served = ServedAt(fd, from);
  }
  if (served == nullptr) {
    metrics_.ConnectionRefused();
    close(fd);
    return;
  }
  Acceptor::NewConnectionParameters connection;
  connection.fd = fd;
  served->acceptor->HandleNewConnection(&connection);
}

bool Server::TellsUsersApart(From from) const {
  return from == From::kSocket && options_.identify_peers;
}

const Server::Served* Server::ServedAt(int fd, From from) {
  if (!TellsUsersApart(from)) return ServedFor({from});
  const auto peer = PeerOf(fd);
  return peer ? ServedFor({from, peer}) : nullptr;
}

const Server::Served* Server::ServedFor(const Callers& callers) {
  const auto found = servers_.find(callers);
  if (found != servers_.end()) return &found->second;
  const auto peers = std::count_if(
      servers_.begin(), servers_.end(),
      [](const auto& server) { return server.first.peer.has_value(); });
  if (callers.peer && peers >= kMaxPeers) return nullptr;
  return &servers_.emplace(callers, Build(callers)).first->second;
}

std::vector<grpc::Server*> Server::All() {
  std::vector<grpc::Server*> servers;
  for (auto& [callers, served] : servers_) {
    servers.push_back(served.server.get());
  }
  return servers;
}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
  for (const std::string& path : socket_files_) unlink(path.c_str());
}

void Server::Stop(std::chrono::milliseconds grace) {
  listeners_.clear();
  const auto deadline = std::chrono::system_clock::now() + grace;
  std::vector<grpc::Server*> servers;
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
    servers = All();
  }
  for (grpc::Server* server : servers) server->Shutdown(deadline);
  for (grpc::Server* server : servers) server->Wait();
}

void Server::Drain(CallRunner& calls, std::chrono::milliseconds grace) {
  calls.StartDraining();
  {
    absl::MutexLock lock(&mu_);
    for (grpc::Server* server : All()) {
      server->GetHealthCheckService()->SetServingStatus(false);
    }
  }
  const auto reserve = std::min(grace / 2, kFindOutReserve);
  if (!calls.AwaitIdle(grace - reserve)) {
    // Who ends the process waits for no more than what is in flight.
    dependencies_.uploads.StopFindingOut();
    calls.CancelAll();
    calls.AwaitIdle(reserve);
  }
  Stop(kLastWrites);
}

}  // namespace lakefs::gateway
