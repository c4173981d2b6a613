#include "gateway/staging/intake/file_parts.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

absl::Status SourceChanged() {
  return MakeError(
      absl::StatusCode::kAborted,
      "the file has changed while it was uploaded, or has been replaced or "
      "deleted, and nothing was linked; call again once nobody writes to it",
      Reason::kSourceChanged);
}

std::string Hex(uint32_t value) {
  return absl::StrCat(absl::Hex(value, absl::kZeroPad8));
}

}  // namespace

absl::StatusOr<Part> FileParts::Next(int64_t part_bytes) {
  const int64_t size = std::min(part_bytes, size_bytes() - offset_);
  Part part{.number = next_number_++,
            .offset = offset_,
            .bytes = Stretch(offset_, size)};
  offset_ += size;
  ended_ = offset_ == size_bytes();
  return part;
}

bool FileParts::Restart() {
  if (const auto whole = crc32c(); ended_ && whole) first_ = whole;
  next_number_ = 1;
  offset_ = 0;
  ended_ = false;
  // Parts may be of another size from now on.
  absl::MutexLock lock(&mu_);
  sums_.clear();
  return true;
}

Rope FileParts::Stretch(int64_t offset, int64_t size_bytes) {
  Rope rope;
  rope.AppendFile(file_.fd(), offset, static_cast<uint64_t>(size_bytes));
  rope.set_judge([this, offset, size_bytes](const auto& crc32c) {
    return Judge(offset, size_bytes, crc32c);
  });
  return rope;
}

absl::Status FileParts::Judge(int64_t offset, int64_t size_bytes,
                              const absl::StatusOr<uint32_t>& crc32c) {
  if (absl::IsOutOfRange(crc32c.status()) || file_.Changed()) {
    return SourceChanged();
  }
  if (!crc32c.ok()) {
    return MakeError(
        absl::StatusCode::kInternal,
        absl::StrCat("the file cannot be read: ", crc32c.status().message()),
        Reason::kInternal);
  }
  absl::MutexLock lock(&mu_);
  const auto [known, is_new] = sums_.emplace(offset, Sum{size_bytes, *crc32c});
  if (known->second.crc32c != *crc32c) return SourceChanged();
  if (is_new) {
    progress_.received_bytes =
        std::min(this->size_bytes(), progress_.received_bytes + size_bytes);
  }
  return absl::OkStatus();
}

absl::Status FileParts::CheckSent() {
  if (auto s = ReadUnread(); !s.ok()) return s;
  if (file_.Changed()) return SourceChanged();
  const uint32_t whole = crc32c().value_or(0);
  if (first_ && *first_ != whole) return SourceChanged();
  if (!said_ || *said_ == whole) return absl::OkStatus();
  return MakeError(
      absl::StatusCode::kInvalidArgument,
      absl::StrCat("crc32c is ", Hex(*said_),
                   ", but the bytes of the file have ", Hex(whole)),
      Reason::kChecksumMismatch);
}

// Has what lies between and behind the known sums read.
absl::Status FileParts::ReadUnread() {
  std::string buffer(256 * 1024, '\0');
  for (int64_t at = 0; at < size_bytes();) {
    int64_t next = size_bytes();
    {
      absl::MutexLock lock(&mu_);
      const auto known = sums_.lower_bound(at);
      if (known != sums_.end() && known->first == at) {
        at += known->second.size_bytes;
        continue;
      }
      if (known != sums_.end()) next = known->first;
    }
    const Rope unread = Stretch(at, next - at);
    const auto read = unread.Reader();
    while (true) {
      const auto n = read({buffer.data(), buffer.size()});
      if (!n.ok()) return n.status();
      if (*n == 0) break;
    }
  }
  return absl::OkStatus();
}

std::optional<uint32_t> FileParts::crc32c() const {
  absl::MutexLock lock(&mu_);
  int64_t at = 0;
  uint32_t crc = 0;
  for (const auto& [offset, sum] : sums_) {
    if (offset != at) return std::nullopt;
    crc = ConcatCrc32c(crc, sum.crc32c, static_cast<uint64_t>(sum.size_bytes));
    at += sum.size_bytes;
  }
  if (at != size_bytes()) return std::nullopt;
  return crc;
}

}  // namespace lakefs::gateway
