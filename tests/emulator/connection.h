// One accepted connection of the emulator's HTTP servers.
#pragma once

#include <httplib.h>

#include <optional>
#include <string>
#include <vector>

namespace lakefs::gateway::testing {

// The byte stream under one connection. It keeps what is written until Flush,
// so that a reply leaves in one packet, or cut, or not at all.
//
// Threads: used by the connection's thread only.
class Connection final : public httplib::Stream {
 public:
  // Does not own the socket.
  explicit Connection(int socket);

  bool is_readable() const override { return true; }
  bool is_writable() const override { return true; }
  ssize_t read(char* ptr, size_t size) override;
  ssize_t write(const char* ptr, size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return socket_; }

  // Keeps what is read from now on, until TakeHead returns it.
  void KeepHead();
  std::string TakeHead();

  // Sends what was written. Returns false if the peer is gone.
  bool Flush();

  // From now on nothing is sent; what is written is lost.
  void Mute() { muted_ = true; }

  // Sends the head of what was written and `cut_at` bytes of its body, by
  // default half of them (half of the head, if there is no body), and nothing
  // after.
  void SendCut(std::optional<size_t> cut_at);

  // Nothing is sent before SendCut or Flush, however much is written.
  void HoldBack() { held_back_ = true; }

  // Whether the peer has closed the connection.
  bool IsAbandoned() const;

  // Ends the connection so that the peer sees a reset.
  void Reset();

  // Ends the connection at once, while what is done for it goes on.
  void HangUp();

  // Ends the connection after the peer has had the time to read the reply,
  // though bytes of its request may still be under way.
  void Linger();

 private:
  bool SendAll(const char* data, size_t size);

  const int socket_;
  std::vector<char> in_;
  size_t in_begin_ = 0;
  size_t in_end_ = 0;
  bool keeps_head_ = false;
  std::string head_;
  std::string out_;
  bool muted_ = false;
  bool held_back_ = false;
};

}  // namespace lakefs::gateway::testing
