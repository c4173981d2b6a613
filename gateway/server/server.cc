#include "gateway/server/server.h"

#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

constexpr char kUnixPrefix[] = "unix:";

// A chunk of 4 MiB and what is around it.
constexpr int kMaxMessageBytes = (4 << 20) + (64 << 10);

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

// The most often that a caller may send pings of its own.
constexpr int kLeastPingIntervalMs = 10'000;

// Kept of the grace period for calls that are cancelled then: a link in flight
// is asked about for five seconds.
constexpr std::chrono::milliseconds kFindOutReserve{5'000};

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

absl::Status CheckAddress(const std::string& address,
                          const ServerOptions& options) {
  absl::string_view path = address;
  if (absl::ConsumePrefix(&path, kUnixPrefix)) {
    return PrepareSocket(std::string(path));
  }
  if (IsLoopback(address) || !options.tls.certificate.empty() ||
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
    ServerOptions options, const ServiceDependencies& dependencies) {
  grpc::EnableDefaultHealthCheckService(true);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::channelz::experimental::InitChannelzService();
  auto server =
      std::unique_ptr<Server>(new Server(std::move(options), dependencies));
  if (auto s = server->Listen(); !s.ok()) return s;
  return server;
}

void Server::Configure(grpc::ServerBuilder& builder,
                       StagingService& service) const {
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS,
                             options_.max_streams);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS,
                             static_cast<int>(std::min<int64_t>(
                                 options_.idle_timeout.count(), INT32_MAX)));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             kKeepaliveTimeoutMs);
  builder.AddChannelArgument(
      GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
      kLeastPingIntervalMs);
  builder.AddChannelArgument("grpc.http2.bdp_probe", 0);
  builder.AddChannelArgument("grpc.http2.lookahead_bytes", kLookaheadBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.RegisterService(&service);
}

absl::Status Server::Listen() {
  std::shared_ptr<grpc::ServerCredentials> tcp =
      grpc::InsecureServerCredentials();
  if (!options_.tls.certificate.empty()) {
    auto tls = TlsCredentials(options_.tls);
    if (!tls.ok()) return tls.status();
    tcp = *std::move(tls);
  }
  served_.service = std::make_unique<StagingService>(dependencies_);
  grpc::ServerBuilder builder;
  Configure(builder, *served_.service);
  const std::vector<std::string>& listen = options_.listen;
  std::vector<int> ports(listen.size(), 0);
  for (size_t i = 0; i < listen.size(); ++i) {
    if (auto s = CheckAddress(listen[i], options_); !s.ok()) return s;
    const bool is_unix = absl::StartsWith(listen[i], kUnixPrefix);
    if (is_unix && options_.identify_peers) {
      ports[i] = 1;  // as gRPC says of a socket
    } else {
      builder.AddListeningPort(
          listen[i], is_unix ? grpc::InsecureServerCredentials() : tcp,
          &ports[i]);
    }
  }
  // Nobody else may connect between the bind and the change of mode.
  const mode_t old_mask = umask(0177);
  served_.server = builder.BuildAndStart();
  umask(old_mask);
  for (size_t i = 0; i < listen.size(); ++i) {
    if (served_.server == nullptr || ports[i] == 0) {
      if (listen.size() > 1 && ports[i] != 0) continue;
      return absl::UnavailableError(
          absl::StrCat("--listen=", listen[i], ": cannot listen there"));
    }
    absl::string_view address = listen[i];
    if (absl::ConsumePrefix(&address, kUnixPrefix)) {
      const std::string path(address);
      if (options_.identify_peers) {
        if (auto s = ListenForPeers(path); !s.ok()) return s;
      }
      socket_files_.push_back(path);
      addresses_.push_back(listen[i]);
      if (auto s = SetAccess(path, options_.unix_mode, options_.unix_group);
          !s.ok()) {
        return s;
      }
    } else {
      addresses_.push_back(
          absl::StrCat(address.substr(0, address.rfind(':')), ":", ports[i]));
    }
  }
  return absl::OkStatus();
}

absl::Status Server::ListenForPeers(const std::string& path) {
  auto listener = PeerListener::Start(
      path, [this](int fd, const SocketPeer& peer) { Take(fd, peer); });
  if (!listener.ok()) return listener.status();
  peer_listeners_.push_back(*std::move(listener));
  return absl::OkStatus();
}

void Server::Take(int fd, const SocketPeer& peer) {
  absl::MutexLock lock(&mu_);
  const auto key = std::make_pair(peer.uid, peer.gid);
  auto found = by_peer_.find(key);
  if (stopped_ || (found == by_peer_.end() && by_peer_.size() >= kMaxPeers)) {
    Log(LogLevel::kWarning, "connection refused",
        {{"uid", int64_t{peer.uid}}, {"gid", int64_t{peer.gid}}});
    close(fd);
    return;
  }
  if (found == by_peer_.end()) {
    found = by_peer_.emplace(key, Served()).first;
    Served& served = found->second;
    served.service = std::make_unique<StagingService>(dependencies_, peer);
    grpc::ServerBuilder builder;
    Configure(builder, *served.service);
    served.acceptor = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::InsecureServerCredentials());
    served.server = builder.BuildAndStart();
  }
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters
      connection;
  connection.fd = fd;
  found->second.acceptor->HandleNewConnection(&connection);
}

Server::~Server() {
  Stop(std::chrono::milliseconds(0));
  for (const std::string& path : socket_files_) unlink(path.c_str());
}

void Server::Stop(std::chrono::milliseconds grace) {
  peer_listeners_.clear();
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
  const auto reserve = std::min(grace / 5, kFindOutReserve);
  if (!calls.AwaitIdle(grace - reserve)) {
    calls.CancelAll();
    calls.AwaitIdle(reserve);
  }
  Stop(kLastWrites);
}

}  // namespace lakefs::gateway
