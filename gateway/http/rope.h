// The bytes of a part: the very strings that the chunks came in.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// Strings and stretches of files, one behind the other. Appending moves and
// never copies the bytes, so a chunk goes from gRPC to the socket without a
// copy of ours.
class Rope {
 public:
  // One stretch: `text`, or `size_bytes` of the file `fd` from `offset` on.
  struct Piece {
    std::string text;
    int fd = -1;
    int64_t offset = 0;
    uint64_t size_bytes = 0;
  };

  Rope() = default;
  Rope(Rope&&) = default;
  Rope& operator=(Rope&&) = default;
  Rope(const Rope&) = delete;
  Rope& operator=(const Rope&) = delete;

  void Append(std::string piece);
  // The file must stay open as long as the rope is read.
  void AppendFile(int fd, int64_t offset, uint64_t size_bytes);

  uint64_t size_bytes() const { return size_bytes_; }
  const std::vector<Piece>& pieces() const { return pieces_; }

  // Reads the bytes from the first on, as HttpBody::read does; each reader for
  // itself. The rope must outlive it.
  // Errors: INTERNAL if a file cannot be read.
  std::function<absl::StatusOr<size_t>(std::span<char>)> Reader() const;

  // Sends the bytes as the body of `request`. The rope must outlive the
  // exchange; each attempt attaches it anew.
  void AttachTo(HttpRequest& request) const;

 private:
  std::vector<Piece> pieces_;
  uint64_t size_bytes_ = 0;
};

}  // namespace lakefs::gateway
