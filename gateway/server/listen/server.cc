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

// The window of a stream. Through loopback, a small one is both the fastest and
// what keeps a stream that nobody reads from holding a megabyte; bandwidth
// probing would grow it.
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
constexpr size_t kMaxPeers = 64;

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

Server::Served Server::Build(
    const std::optional<SocketPeer>& peer,
    std::shared_ptr<grpc::ServerCredentials> tcp) const {
  const int idle_ms = Milliseconds(options_.idle_timeout);
  Served served;
  served.service = std::make_unique<StagingService>(dependencies_, peer);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
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
  builder.AddChannelArgument("grpc.http2.bdp_probe", 0);
  builder.AddChannelArgument("grpc.http2.lookahead_bytes", kLookaheadBytes);
  // A compressed message is unpacked whole before its size is looked at.
  for (const auto algorithm : {GRPC_COMPRESS_DEFLATE, GRPC_COMPRESS_GZIP}) {
    builder.SetCompressionAlgorithmSupportStatus(algorithm, false);
  }
  builder.SetResourceQuota(quota_);
  builder.RegisterService(served.service.get());
  constexpr auto kFromFd =
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD;
  served.sockets = builder.experimental().AddExternalConnectionAcceptor(
      kFromFd, grpc::InsecureServerCredentials());
  if (tcp != nullptr) {
    served.tcp = builder.experimental().AddExternalConnectionAcceptor(
        kFromFd, std::move(tcp));
  }
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
  served_ = Build(std::nullopt, options_.tls == nullptr
                                    ? grpc::InsecureServerCredentials()
                                    : TlsCredentials(*options_.tls));
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
    listeners_.push_back(std::make_unique<Listener>(
        sockets->fds, [this](int fd) { Take(fd, /*is_unix=*/false); }));
    addresses_.push_back(absl::StrCat(address.substr(0, address.rfind(':')),
                                      ":", sockets->port));
    return absl::OkStatus();
  }
  const std::string path(rest);
  const auto fd = ListenOnSocket(path);
  if (!fd.ok()) return fd.status();
  socket_files_.push_back(path);
  listeners_.push_back(std::make_unique<Listener>(
      std::vector<int>{*fd},
      [this](int connection) { Take(connection, /*is_unix=*/true); }));
  addresses_.push_back(address);
  return SetAccess(path, options_.unix_mode, options_.unix_group);
}

void Server::Take(int fd, bool is_unix) {
  absl::MutexLock lock(&mu_);
  Acceptor* acceptor = nullptr;
  if (!stopped_ && connections_.TryAdd(fd)) {
    acceptor = AcceptorFor(fd, is_unix);
  }
  if (acceptor == nullptr) {
    metrics_.ConnectionRefused();
    close(fd);
    return;
  }
  Acceptor::NewConnectionParameters connection;
  connection.fd = fd;
  acceptor->HandleNewConnection(&connection);
}

Server::Acceptor* Server::AcceptorFor(int fd, bool is_unix) {
  if (!is_unix) return served_.tcp.get();
  if (!options_.identify_peers) return served_.sockets.get();
  const auto peer = PeerOf(fd);
  if (!peer) return nullptr;
  const auto key = std::make_pair(peer->uid, peer->gid);
  const auto found = by_peer_.find(key);
  if (found != by_peer_.end()) return found->second.sockets.get();
  if (by_peer_.size() >= kMaxPeers) return nullptr;
  return by_peer_.emplace(key, Build(peer, nullptr))
      .first->second.sockets.get();
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
    if (served_.server != nullptr) servers.push_back(served_.server.get());
    for (auto& [peer, served] : by_peer_)
      servers.push_back(served.server.get());
  }
  for (grpc::Server* server : servers) server->Shutdown(deadline);
  for (grpc::Server* server : servers) server->Wait();
}

void Server::Drain(CallRunner& calls, std::chrono::milliseconds grace) {
  calls.StartDraining();
  {
    absl::MutexLock lock(&mu_);
    served_.server->GetHealthCheckService()->SetServingStatus(false);
    for (auto& [peer, served] : by_peer_) {
      served.server->GetHealthCheckService()->SetServingStatus(false);
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
