#include "gateway/server/listen/listener.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

// After a lack of descriptors; else the loop would spin on the same connection.
constexpr int kPauseMilliseconds = 100;

// How long what was sent may stay unacknowledged before the peer counts as
// gone.
constexpr int kUserTimeoutMs = 30'000;

void Set(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof(value));
}

// A descriptor that listens there, or -1 and errno.
int ListenAt(const sockaddr* address, socklen_t size) {
  const int fd =
      socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  // Connections inherit these.
  Set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
  Set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, kUserTimeoutMs);
  if (address->sa_family == AF_INET6) {
    const auto* six = reinterpret_cast<const sockaddr_in6*>(address);
    Set(fd, IPPROTO_IPV6, IPV6_V6ONLY,
        IN6_IS_ADDR_UNSPECIFIED(&six->sin6_addr) ? 0 : 1);
  }
  if (bind(fd, address, size) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
  const int why = errno;
  close(fd);
  errno = why;
  return -1;
}

void SetPort(sockaddr* address, int port) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

int PortOf(int fd) {
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&bound)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&bound)->sin_port);
}

}  // namespace

absl::StatusOr<ListeningSockets> ListenOnTcp(const std::string& address) {
  const size_t colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  const std::string port = address.substr(colon + 1);
  int number = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(port, &number)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--listen=", address, " is not HOST:PORT"));
  }
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  ListeningSockets sockets;
  if (host == "0.0.0.0" || host == "::") {
    sockaddr_in6 any{};
    any.sin6_family = AF_INET6;
    any.sin6_port = htons(number);
    const int fd = ListenAt(reinterpret_cast<sockaddr*>(&any), sizeof(any));
    if (fd >= 0) return ListeningSockets{{fd}, PortOf(fd)};
  }
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int resolved = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  std::string why = gai_strerror(resolved);
  if (resolved != 0) found = nullptr;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    if (sockets.port != 0) SetPort(one->ai_addr, sockets.port);
    const int fd = ListenAt(one->ai_addr, one->ai_addrlen);
    if (fd < 0) {
      why = std::strerror(errno);
      continue;
    }
    sockets.fds.push_back(fd);
    sockets.port = PortOf(fd);
  }
  if (found != nullptr) freeaddrinfo(found);
  if (!sockets.fds.empty()) return sockets;
  return absl::UnavailableError(
      absl::StrCat("--listen=", address, ": cannot listen there: ", why));
}

Listener::Listener(std::vector<int> fds, Accept accept)
    : fds_(std::move(fds)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      accept_(std::move(accept)),
      thread_([this] { Run(); }) {}

Listener::~Listener() {
  const uint64_t one = 1;
  (void)!write(wake_, &one, sizeof(one));
  thread_.join();
  for (const int fd : fds_) close(fd);
  close(wake_);
}

void Listener::Run() {
  std::vector<pollfd> waited{{wake_, POLLIN, 0}};
  for (const int fd : fds_) waited.push_back({fd, POLLIN, 0});
  while (true) {
    poll(waited.data(), waited.size(), -1);
    if (waited[0].revents != 0) return;
    for (const pollfd& one : waited) {
      if (one.revents != 0) AcceptFrom(one.fd);
    }
  }
}

void Listener::AcceptFrom(int listening) {
  const int fd =
      accept4(listening, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) return accept_(fd);
  if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
    pollfd end{wake_, POLLIN, 0};
    poll(&end, 1, kPauseMilliseconds);
  }
}

OpenConnections::Socket OpenConnections::Identify(int fd) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return {fd, 0, 0};
  return {fd, info.st_dev, info.st_ino};
}

bool OpenConnections::TryAdd(int fd) {
  if (sockets_.size() >= limit_) {
    std::erase_if(sockets_, [](const Socket& socket) {
      return socket != Identify(socket.fd);
    });
  }
  if (sockets_.size() >= limit_) return false;
  sockets_.push_back(Identify(fd));
  return true;
}

}  // namespace lakefs::gateway
