#include "tests/emulator/connection.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

namespace lakefs::gateway::testing {
namespace {

constexpr size_t kReadBuffer = 64 * 1024;
constexpr size_t kWriteBuffer = 256 * 1024;

// How long a client that still sends may take to notice the reply. A close
// with unread bytes would reset the connection and take the reply with it.
constexpr std::chrono::milliseconds kLinger{500};

void Name(const sockaddr_in& address, std::string& ip, int& port) {
  char text[INET_ADDRSTRLEN] = "";
  inet_ntop(AF_INET, &address.sin_addr, text, sizeof(text));
  ip = text;
  port = ntohs(address.sin_port);
}

}  // namespace

Connection::Connection(int socket) : socket_(socket), in_(kReadBuffer) {}

ssize_t Connection::read(char* ptr, size_t size) {
  if (in_begin_ == in_end_) {
    if (!Flush()) return -1;  // "100 Continue" goes out before the body comes.
    ssize_t got;
    do {
      got = recv(socket_, in_.data(), in_.size(), 0);
    } while (got < 0 && errno == EINTR);
    if (got <= 0) return got;
    in_begin_ = 0;
    in_end_ = static_cast<size_t>(got);
  }
  size_t n = std::min(size, in_end_ - in_begin_);
  std::memcpy(ptr, in_.data() + in_begin_, n);
  if (keeps_head_) head_.append(ptr, n);
  in_begin_ += n;
  return static_cast<ssize_t>(n);
}

void Connection::KeepHead() {
  keeps_head_ = true;
  head_.clear();
}

std::string Connection::TakeHead() {
  keeps_head_ = false;
  return std::move(head_);
}

ssize_t Connection::write(const char* ptr, size_t size) {
  if (!muted_) out_.append(ptr, size);
  if (out_.size() > kWriteBuffer && !held_back_ && !Flush()) return -1;
  return static_cast<ssize_t>(size);
}

bool Connection::SendAll(const char* data, size_t size) {
  while (size > 0) {
    ssize_t sent = send(socket_, data, size, MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    data += sent;
    size -= static_cast<size_t>(sent);
  }
  return true;
}

bool Connection::Flush() {
  bool sent = SendAll(out_.data(), out_.size());
  out_.clear();
  return sent;
}

void Connection::SendCut(std::optional<size_t> cut_at) {
  size_t head = out_.find("\r\n\r\n");
  if (head == std::string::npos) head = 0;
  size_t body = out_.size() - head - 4;
  if (!cut_at.has_value() && body == 0) {
    out_.resize(out_.size() / 2);
  } else {
    out_.resize(head + 4 + std::min(body, cut_at.value_or(body / 2)));
  }
  Flush();
  muted_ = true;
}

void Connection::Reset() {
  // A zero linger time turns the close into a reset. shutdown() alone would
  // look like a tidy end.
  linger now{1, 0};
  setsockopt(socket_, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  muted_ = true;
  out_.clear();
}

bool Connection::IsAbandoned() const {
  pollfd state{.fd = socket_, .events = POLLRDHUP};
  return poll(&state, 1, 0) > 0 &&
         (state.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

void Connection::HangUp() {
  Reset();
  shutdown(socket_, SHUT_RDWR);
}

void Connection::Linger() {
  shutdown(socket_, SHUT_WR);
  auto end = std::chrono::steady_clock::now() + kLinger;
  while (true) {
    auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        end - std::chrono::steady_clock::now());
    pollfd readable{socket_, POLLIN, 0};
    if (left.count() <= 0 ||
        poll(&readable, 1, static_cast<int>(left.count())) <= 0 ||
        recv(socket_, in_.data(), in_.size(), 0) <= 0) {
      return;
    }
  }
}

void Connection::get_remote_ip_and_port(std::string& ip, int& port) const {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getpeername(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  Name(address, ip, port);
}

void Connection::get_local_ip_and_port(std::string& ip, int& port) const {
  sockaddr_in address{};
  socklen_t size = sizeof(address);
  getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
  Name(address, ip, port);
}

}  // namespace lakefs::gateway::testing
