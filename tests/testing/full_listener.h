// An address that nobody answers at.
#pragma once

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway::testing {

// A port of the loopback that swallows packets, as a firewall does: its
// queue is full, so that who connects gets no answer.
class FullListener {
 public:
  FullListener() {
    sockaddr_in address{.sin_family = AF_INET};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int listener = NewSocket(0);
    auto* const raw = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof address;
    EXPECT_EQ(bind(listener, raw, size), 0);
    EXPECT_EQ(listen(listener, 0), 0);
    EXPECT_EQ(getsockname(listener, raw, &size), 0);
    port_ = ntohs(address.sin_port);
    for (int i = 0; i < 4; ++i) {
      const int caller = NewSocket(SOCK_NONBLOCK);
      connect(caller, raw, size);
    }
  }
  ~FullListener() {
    for (const int socket : sockets_) close(socket);
  }
  FullListener(const FullListener&) = delete;
  FullListener& operator=(const FullListener&) = delete;

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }

 private:
  int NewSocket(int flags) {
    const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    EXPECT_GE(socket, 0);
    sockets_.push_back(socket);
    return socket;
  }

  std::vector<int> sockets_;
  int port_ = 0;
};

}  // namespace lakefs::gateway::testing
