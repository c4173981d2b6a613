// The gRPC server around the service.
#pragma once

#include <grpcpp/server.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/server/staging_service.h"

namespace lakefs::gateway {

// Listens, answers health checks and reflection, and stops without breaking off
// what is under way.
class Server {
 public:
  // Starts to serve on each of `listen`: "127.0.0.1:8765", "[::1]:0" or
  // "unix:/path". Only loopback addresses are taken. A socket's file gets mode
  // 0600; one that a dead server left is replaced.
  //
  // Errors: INVALID_ARGUMENT or UNAVAILABLE, with the address in the message.
  static absl::StatusOr<std::unique_ptr<Server>> Start(
      const std::vector<std::string>& listen, StagingService& service);
  ~Server();

  // The addresses served, with the port that was found where 0 was asked for.
  const std::vector<std::string>& addresses() const { return addresses_; }

  // Refuses new calls with DRAINING, and waits until those under way have
  // ended. What has not when `grace` is nearly over is cancelled in time to
  // find out what became of it, and ends with DRAINING if nothing was linked.
  // Blocks until all have ended.
  void Drain(CallRunner& calls, std::chrono::milliseconds grace);

 private:
  Server() = default;

  std::vector<std::string> addresses_;
  std::vector<std::string> socket_files_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace lakefs::gateway
