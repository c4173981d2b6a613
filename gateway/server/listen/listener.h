// Sockets that connections come in by.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"

namespace lakefs::gateway {

// Descriptors that listen, and the port they were given.
struct ListeningSockets {
  std::vector<int> fds;
  int port = 0;
};

// Listens on every address that "HOST:PORT" stands for, on one port; 0 takes a
// free one. A wildcard is that of IPv6 and IPv4 together where there is both.
//
// Errors: INVALID_ARGUMENT, UNAVAILABLE; with the setting in the message.
absl::StatusOr<ListeningSockets> ListenOnTcp(const std::string& address);

// Accepts connections in a thread of its own, and not in gRPC's: that one
// neither bounds how many there are nor tells who has made them.
class Listener {
 public:
  // Takes over the descriptor of a connection, which does not block.
  using Accept = std::function<void(int fd)>;

  // Takes over `fds`.
  Listener(std::vector<int> fds, Accept accept);
  // Stops to accept; blocks until `accept` is not running.
  ~Listener();

 private:
  void Run();
  void AcceptFrom(int listening);

  const std::vector<int> fds_;
  const int wake_;  // an eventfd: the end
  const Accept accept_;
  std::thread thread_;
};

// How many connections are open, of those that were counted. Whoever owns their
// descriptors just closes them: which ones are gone is looked up when there is
// no room, by the identity of the socket behind the descriptor.
//
// Threads: to be called from one at a time.
class OpenConnections {
 public:
  explicit OpenConnections(size_t limit) : limit_(limit) {}

  // Counts the socket `fd`, which is open; false if there are too many.
  bool TryAdd(int fd);

 private:
  struct Socket {
    int fd;
    unsigned long device;
    unsigned long inode;
    bool operator==(const Socket&) const = default;
  };
  static Socket Identify(int fd);

  const size_t limit_;
  std::vector<Socket> sockets_;
};

}  // namespace lakefs::gateway
