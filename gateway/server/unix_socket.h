// Unix sockets as listeners.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "gateway/server/caller.h"

namespace lakefs::gateway {

// Makes room for a socket at `path`: one that a dead server left goes away.
//
// Errors: INVALID_ARGUMENT if the path is too long or holds something else;
// UNAVAILABLE if another server is using it.
absl::Status PrepareSocket(const std::string& path);

// Gives the socket's file its mode and, if one is named, its group.
//
// Errors: INVALID_ARGUMENT if there is no such group, or it may not be given.
absl::Status SetAccess(const std::string& path, mode_t mode,
                       const std::string& group);

// Accepts connections itself, to ask the kernel who has made them: gRPC's own
// listener tells nothing of that.
class PeerListener {
 public:
  // Takes over the descriptor of a connection.
  using Accept = std::function<void(int fd, const SocketPeer& peer)>;

  // Listens at `path`, which must be prepared; nobody but the owner may connect
  // until SetAccess.
  static absl::StatusOr<std::unique_ptr<PeerListener>> Start(
      const std::string& path, Accept accept);
  // Stops to accept; blocks until `accept` is not running.
  ~PeerListener();

 private:
  PeerListener(int fd, int wake, Accept accept)
      : fd_(fd), wake_(wake), accept_(std::move(accept)) {}
  void Run();

  const int fd_;
  const int wake_;  // an eventfd: the end
  const Accept accept_;
  std::thread thread_;
};

}  // namespace lakefs::gateway
