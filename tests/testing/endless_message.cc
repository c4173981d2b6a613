#include "tests/testing/endless_message.h"

#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>

namespace lakefs::gateway::testing {
namespace {

enum Type : uint8_t {
  kData = 0,
  kHeaders = 1,
  kReset = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
};
constexpr uint8_t kAck = 1;
constexpr uint8_t kEndHeaders = 4;
constexpr uint32_t kStream = 1;
constexpr size_t kHead = 9;
constexpr uint16_t kInitialWindow = 4;  // of SETTINGS
constexpr uint16_t kMaxFrame = 5;

std::string BigEndian(uint32_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) {
    out += static_cast<char>(value >> (8 * i) & 0xff);
  }
  return out;
}

uint32_t Number(const std::string& text, size_t at, int bytes) {
  uint32_t value = 0;
  for (int i = 0; i < bytes; ++i) {
    value = value << 8 | static_cast<uint8_t>(text[at + i]);
  }
  return value;
}

// A header that is written out, without HPACK's tables.
std::string Header(const std::string& name, const std::string& value) {
  return std::string(1, '\0') + static_cast<char>(name.size()) + name +
         static_cast<char>(value.size()) + value;
}

}  // namespace

EndlessMessage::EndlessMessage(const std::string& address,
                               uint32_t announced_bytes)
    : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(
      static_cast<uint16_t>(std::stoi(address.substr(address.rfind(':') + 1))));
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof(to)), 0);
  const timeval limit{5, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  send(fd_, preface.data(), preface.size(), MSG_NOSIGNAL);
  SendFrame(kSettings, 0, 0, "");
  SendFrame(kHeaders, kEndHeaders, kStream,
            Header(":method", "POST") + Header(":scheme", "http") +
                Header(":path", "/lakefs.staging.v1.Staging/UploadObject") +
                Header(":authority", "gateway") + Header("te", "trailers") +
                Header("content-type", "application/grpc"));
  const std::string head = std::string(1, '\0') + BigEndian(announced_bytes, 4);
  SendFrame(kData, 0, kStream, head);
  connection_window_ -= static_cast<int64_t>(head.size());
  stream_window_ -= static_cast<int64_t>(head.size());
}

EndlessMessage::~EndlessMessage() { close(fd_); }

void EndlessMessage::SendFrame(uint8_t type, uint8_t flags, uint32_t stream,
                               const std::string& payload) {
  std::string frame = BigEndian(static_cast<uint32_t>(payload.size()), 3) +
                      static_cast<char>(type) + static_cast<char>(flags) +
                      BigEndian(stream, 4) + payload;
  for (size_t at = 0; at < frame.size() && !broken_off_;) {
    const ssize_t n =
        send(fd_, frame.data() + at, frame.size() - at, MSG_NOSIGNAL);
    broken_off_ = n <= 0;
    at += static_cast<size_t>(std::max<ssize_t>(n, 0));
  }
}

int64_t EndlessMessage::Send(int64_t bytes) {
  int64_t sent = 0;
  while (sent < bytes && !broken_off_) {
    const int64_t now = std::min<int64_t>(
        {bytes - sent, connection_window_, stream_window_, max_frame_bytes_});
    if (now <= 0) {
      if (!Listen()) break;
      continue;
    }
    SendFrame(kData, 0, kStream, std::string(static_cast<size_t>(now), 'x'));
    connection_window_ -= now;
    stream_window_ -= now;
    sent += now;
  }
  return sent;
}

bool EndlessMessage::Listen() {
  char buffer[65536];
  const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
  if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (n <= 0) {
    broken_off_ = true;
    return false;
  }
  read_.append(buffer, static_cast<size_t>(n));
  while (read_.size() >= kHead) {
    const size_t size = Number(read_, 0, 3);
    if (read_.size() < kHead + size) break;
    const std::string payload = read_.substr(kHead, size);
    Take(static_cast<uint8_t>(read_[3]), static_cast<uint8_t>(read_[4]),
         Number(read_, 5, 4), payload);
    read_.erase(0, kHead + size);
  }
  return true;
}

void EndlessMessage::Take(uint8_t type, uint8_t flags, uint32_t stream,
                          const std::string& payload) {
  if (type == kSettings && (flags & kAck) == 0) {
    for (size_t at = 0; at + 6 <= payload.size(); at += 6) {
      if (Number(payload, at, 2) == kMaxFrame) {
        max_frame_bytes_ = Number(payload, at + 2, 4);
      }
      if (Number(payload, at, 2) != kInitialWindow) continue;
      const int64_t window = Number(payload, at + 2, 4);
      stream_window_ += window - initial_window_;
      initial_window_ = window;
    }
    SendFrame(kSettings, kAck, 0, "");
  } else if (type == kPing && (flags & kAck) == 0) {
    SendFrame(kPing, kAck, 0, payload);
  } else if (type == kWindowUpdate) {
    (stream == 0 ? connection_window_ : stream_window_) +=
        Number(payload, 0, 4);
  } else if (type == kReset || type == kHeaders) {
    broken_off_ = true;
  }
}

}  // namespace lakefs::gateway::testing
