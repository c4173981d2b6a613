// The bytes of a part: the very strings that the chunks came in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// Strings one behind the other. Appending moves and never copies the bytes, so
// a chunk goes from gRPC to the socket without a copy of ours.
class Rope {
 public:
  Rope() = default;
  Rope(Rope&&) = default;
  Rope& operator=(Rope&&) = default;
  Rope(const Rope&) = delete;
  Rope& operator=(const Rope&) = delete;

  void Append(std::string piece);
  uint64_t size_bytes() const { return size_bytes_; }
  const std::vector<std::string>& pieces() const { return pieces_; }

  // Sends the bytes as the body of `request`. The rope must outlive the
  // exchange; each attempt attaches it anew.
  void AttachTo(HttpRequest& request) const;

 private:
  std::vector<std::string> pieces_;
  uint64_t size_bytes_ = 0;
};

}  // namespace lakefs::gateway
