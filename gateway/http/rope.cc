#include "gateway/http/rope.h"

#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// Bodies up to this size go as one string: a read function costs more than the
// copy.
constexpr uint64_t kSmallBody = 64 * 1024;

absl::StatusOr<size_t> ReadPiece(const Rope::Piece& piece, uint64_t offset,
                                 std::span<char> buffer) {
  const size_t n = std::min<uint64_t>(buffer.size(), piece.size_bytes - offset);
  if (piece.fd < 0) {
    std::memcpy(buffer.data(), piece.text.data() + offset, n);
    return n;
  }
  const ssize_t got = pread(piece.fd, buffer.data(), n,
                            piece.offset + static_cast<off_t>(offset));
  if (got > 0) return static_cast<size_t>(got);
  return MakeError(absl::StatusCode::kInternal,
                   "the spool file cannot be read back", Reason::kInternal);
}

}  // namespace

void Rope::Append(std::string piece) {
  if (piece.empty()) return;
  const uint64_t size = piece.size();
  size_bytes_ += size;
  pieces_.push_back({.text = std::move(piece), .size_bytes = size});
}

void Rope::AppendFile(int fd, int64_t offset, uint64_t size_bytes) {
  if (size_bytes == 0) return;
  size_bytes_ += size_bytes;
  pieces_.push_back({.fd = fd, .offset = offset, .size_bytes = size_bytes});
}

std::function<absl::StatusOr<size_t>(std::span<char>)> Rope::Reader() const {
  return [this, piece = size_t{0}, offset = uint64_t{0}](
             std::span<char> buffer) mutable -> absl::StatusOr<size_t> {
    size_t filled = 0;
    while (filled < buffer.size() && piece < pieces_.size()) {
      const auto n = ReadPiece(pieces_[piece], offset, buffer.subspan(filled));
      if (!n.ok()) return n.status();
      filled += *n;
      offset += *n;
      if (offset == pieces_[piece].size_bytes) {
        ++piece;
        offset = 0;
      }
    }
    return filled;
  };
}

void Rope::AttachTo(HttpRequest& request) const {
  request.body.clear();
  request.stream.reset();
  const bool in_memory =
      std::all_of(pieces_.begin(), pieces_.end(),
                  [](const Piece& piece) { return piece.fd < 0; });
  if (size_bytes_ <= kSmallBody && in_memory) {
    for (const Piece& piece : pieces_) request.body += piece.text;
    return;
  }
  request.stream = HttpBody{.size_bytes = size_bytes_, .read = Reader()};
}

}  // namespace lakefs::gateway
