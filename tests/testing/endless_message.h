// A caller that sends most of a message, and never the rest.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace lakefs::gateway::testing {

// One call of UploadObject, in HTTP/2 by hand: gRPC's own clients send a
// message to its end.
class EndlessMessage {
 public:
  // Connects to "127.0.0.1:PORT", and announces a message of so many bytes.
  EndlessMessage(const std::string& address, uint32_t announced_bytes);
  ~EndlessMessage();
  EndlessMessage(const EndlessMessage&) = delete;
  EndlessMessage& operator=(const EndlessMessage&) = delete;

  // Sends as many bytes of it as the server lets it, at most so many. Ends
  // early where the server breaks the call or the connection off, or takes
  // nothing for some seconds. Returns how many were sent.
  int64_t Send(int64_t bytes);

  // Whether the server has broken off the call or its connection.
  bool broken_off() const { return broken_off_; }

  // The most that the server takes in a frame of HTTP/2, once it has said so.
  uint32_t max_frame_bytes() const { return max_frame_bytes_; }

 private:
  void SendFrame(uint8_t type, uint8_t flags, uint32_t stream,
                 const std::string& payload);
  // Reads what the server says; false if it has nothing to say for long.
  bool Listen();
  void Take(uint8_t type, uint8_t flags, uint32_t stream,
            const std::string& payload);

  int fd_ = -1;
  bool broken_off_ = false;
  uint32_t max_frame_bytes_ = 16384;
  std::string read_;
  int64_t connection_window_ = 65535;
  int64_t stream_window_ = 65535;
  int64_t initial_window_ = 65535;
};

}  // namespace lakefs::gateway::testing
