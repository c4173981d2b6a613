// The gRPC servers around the service.
#pragma once

#include <grpcpp/resource_quota.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/metrics/metrics.h"
#include "gateway/server/listen/listener.h"
#include "gateway/server/listen/tls.h"
#include "gateway/server/listen/unix_socket.h"
#include "gateway/server/rpc/staging_service.h"

namespace lakefs::gateway {

struct ServerOptions {
  // "127.0.0.1:8765", "[::1]:0", "0.0.0.0:8765" or "unix:/path".
  std::vector<std::string> listen;
  // Of the TCP listeners; null: no TLS. Has to outlive the server.
  const TlsIdentity* tls = nullptr;
  // Without TLS only loopback addresses are taken, unless this is set.
  bool allow_plaintext = false;
  // Of the unix sockets.
  mode_t unix_mode = 0600;
  std::string unix_group;
  // Whether callers on unix sockets are told apart by their user. Costs a small
  // server a user, so only where it is asked for.
  bool identify_peers = false;
  // Connections at a time; one more is closed at once.
  int max_connections = 1000;
  // Calls at a time on one connection.
  int max_streams = 1000;
  // A connection without a call is closed after this.
  std::chrono::milliseconds idle_timeout{std::chrono::hours(1)};
  // After this, give or take a tenth, a connection takes no new call and is
  // closed when its last one has ended; zero: never.
  std::chrono::milliseconds max_connection_age{0};
  // What messages that have not come whole, and what else gRPC holds of calls,
  // may have together. Where that is not enough, calls are broken off.
  int64_t receive_bytes = int64_t{256} << 20;
};

// Listens, answers health checks (without a name, and by the service's),
// reflection and channelz, and stops without breaking off what is under way.
class Server {
 public:
  // Starts to serve. A socket that a dead server left is replaced.
  //
  // Errors: INVALID_ARGUMENT or UNAVAILABLE, with the setting in the message.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      ServerOptions options, const ServiceDependencies& dependencies,
      Metrics& metrics);
  ~Server();

  // The addresses served, with the port that was found where 0 was asked for.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Refuses new calls with DRAINING, and waits until those under way have
  // ended. What has not when `grace` is nearly over is cancelled in time to
  // find out what became of it, and ends with DRAINING if nothing was linked,
  // or with OUTCOME_UNKNOWN. Blocks until all have ended.
  void Drain(CallRunner& calls, std::chrono::milliseconds grace);

 private:
  using Acceptor = grpc::experimental::ExternalConnectionAcceptor;
  // Callers have one of these ways to come, and with it a window of its own.
  enum class From { kSocket, kLoopback, kFarAway };

  // Those who share a server: with all that it knows of them alike.
  struct Callers {
    From from;
    std::optional<SocketPeer> peer{};  // where users are told apart

    auto operator<=>(const Callers&) const = default;
  };

  // A server with the service that knows who calls.
  struct Served {
    std::unique_ptr<StagingService> service;
    std::unique_ptr<Acceptor> acceptor;
    std::unique_ptr<grpc::Server> server;
  };

  Server(ServerOptions options, const ServiceDependencies& dependencies,
         Metrics& metrics)
      : options_(std::move(options)),
        dependencies_(dependencies),
        metrics_(metrics),
        quota_("callers"),
        connections_(static_cast<size_t>(options_.max_connections)) {
    quota_.Resize(static_cast<size_t>(options_.receive_bytes));
  }

  Served Build(const Callers& callers) const;
  absl::Status Listen();
  absl::Status ListenOn(const std::string& address);
  void Accept(From from, std::vector<int> fds);
  // Hands a connection to the server that is for it, or closes it.
  void Take(int fd, From from);
  bool TellsUsersApart(From from) const;
  // The server for who has connected there; null if nobody knows who that is,
  // or there are too many.
  const Served* ServedAt(int fd, From from) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // Null if its user is one too many.
  const Served* ServedFor(const Callers& callers)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  std::vector<grpc::Server*> All() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Stop(std::chrono::milliseconds grace);

  const ServerOptions options_;
  const ServiceDependencies dependencies_;
  Metrics& metrics_;
  grpc::ResourceQuota quota_;
  std::vector<std::string> addresses_;
  std::vector<std::string> socket_files_;
  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::map<Callers, Served> servers_ ABSL_GUARDED_BY(mu_);
  OpenConnections connections_ ABSL_GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Listener>> listeners_;
};

}  // namespace lakefs::gateway
