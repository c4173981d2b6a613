#include "gateway/http/rope.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace lakefs::gateway {
namespace {

// Bodies up to this size go as one string: a read function costs more than the
// copy.
constexpr uint64_t kSmallBody = 64 * 1024;

}  // namespace

void Rope::Append(std::string piece) {
  if (piece.empty()) return;
  size_bytes_ += piece.size();
  pieces_.push_back(std::move(piece));
}

void Rope::AttachTo(HttpRequest& request) const {
  request.body.clear();
  request.stream.reset();
  if (size_bytes_ <= kSmallBody) {
    for (const std::string& piece : pieces_) request.body += piece;
    return;
  }
  request.stream = HttpBody{
      .size_bytes = size_bytes_,
      .read = [this, piece = size_t{0}, offset = size_t{0}](
                  std::span<char> buffer) mutable -> absl::StatusOr<size_t> {
        size_t filled = 0;
        while (filled < buffer.size() && piece < pieces_.size()) {
          const std::string& from = pieces_[piece];
          const size_t n =
              std::min(buffer.size() - filled, from.size() - offset);
          std::memcpy(buffer.data() + filled, from.data() + offset, n);
          filled += n;
          offset += n;
          if (offset == from.size()) {
            ++piece;
            offset = 0;
          }
        }
        return filled;
      }};
}

}  // namespace lakefs::gateway
