#include "gateway/http/rope.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
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
  if (got == 0) return absl::OutOfRangeError("the file ends before its bytes");
  return absl::InternalError(std::strerror(errno));
}

// Bytes of our own.
absl::Status JudgeSpooled(const absl::StatusOr<uint32_t>& crc32c,
                          const std::optional<uint32_t>& known) {
  if (!crc32c.ok()) {
    return MakeError(absl::StatusCode::kInternal,
                     absl::StrCat("the spool file cannot be read back: ",
                                  crc32c.status().message()),
                     Reason::kInternal);
  }
  if (!known || *crc32c == *known) return absl::OkStatus();
  return MakeError(absl::StatusCode::kDataLoss,
                   "the spool file gives back other bytes than were written",
                   Reason::kChecksumMismatch);
}

}  // namespace

void Rope::Append(std::string piece) {
  if (piece.empty()) return;
  crc32c_.reset();
  md5_.clear();
  const uint64_t size = piece.size();
  size_bytes_ += size;
  pieces_.push_back({.text = std::move(piece), .size_bytes = size});
}

void Rope::AppendFile(int fd, int64_t offset, uint64_t size_bytes) {
  if (size_bytes == 0) return;
  crc32c_.reset();
  md5_.clear();
  size_bytes_ += size_bytes;
  pieces_.push_back({.fd = fd, .offset = offset, .size_bytes = size_bytes});
}

std::function<absl::StatusOr<size_t>(std::span<char>)> Rope::Reader() const {
  // Memory is believed.
  const bool check = (crc32c_ || judge_) && !InMemory();
  return [this, check, crc = uint32_t{0}, piece = size_t{0},
          offset = uint64_t{0}](
             std::span<char> buffer) mutable -> absl::StatusOr<size_t> {
    size_t filled = 0;
    while (filled < buffer.size() && piece < pieces_.size()) {
      const auto n = ReadPiece(pieces_[piece], offset, buffer.subspan(filled));
      if (!n.ok()) return JudgeRead(n.status());
      filled += *n;
      offset += *n;
      if (offset == pieces_[piece].size_bytes) {
        ++piece;
        offset = 0;
      }
    }
    if (!check) return filled;
    crc = ExtendCrc32c(crc, {buffer.data(), filled});
    if (filled > 0 && piece == pieces_.size()) {
      if (auto s = JudgeRead(crc); !s.ok()) return s;
    }
    return filled;
  };
}

absl::Status Rope::JudgeRead(const absl::StatusOr<uint32_t>& crc32c) const {
  return judge_ ? judge_(crc32c) : JudgeSpooled(crc32c, crc32c_);
}

bool Rope::InMemory() const {
  return std::all_of(pieces_.begin(), pieces_.end(),
                     [](const Piece& piece) { return piece.fd < 0; });
}

void Rope::AttachTo(HttpRequest& request) const {
  request.body.clear();
  request.stream.reset();
  if (size_bytes_ <= kSmallBody && InMemory()) {
    for (const Piece& piece : pieces_) request.body += piece.text;
    return;
  }
  request.stream = HttpBody{.size_bytes = size_bytes_, .read = Reader()};
}

}  // namespace lakefs::gateway
