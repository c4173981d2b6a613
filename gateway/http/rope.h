// The bytes of a part: the very strings that the chunks came in.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
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

  // What is known of the bytes beforehand; forgotten when more are appended.
  // Bytes that come back from a file are held against the CRC32C.
  void set_crc32c(uint32_t crc32c) { crc32c_ = crc32c; }

  // For a file that is not ours, of which nothing is known beforehand: judges
  // what each reader has read of the rope, by its CRC32C, or why it could not
  // be read; OUT_OF_RANGE is the end of the file. An error takes the place of
  // the last bytes, and must come of another error. Called by any thread.
  using Judge = std::function<absl::Status(const absl::StatusOr<uint32_t>&)>;
  void set_judge(Judge judge) { judge_ = std::move(judge); }
  const std::optional<uint32_t>& crc32c() const { return crc32c_; }
  void set_md5(std::string md5) { md5_ = std::move(md5); }
  const std::string& md5() const { return md5_; }  // 16 bytes, or empty

  uint64_t size_bytes() const { return size_bytes_; }
  const std::vector<Piece>& pieces() const { return pieces_; }

  // Reads the bytes from the first on, as HttpBody::read does; each reader for
  // itself. The rope must outlive it.
  // Errors: the judge's; without one INTERNAL if a file cannot be read, and
  // DATA_LOSS, CHECKSUM_MISMATCH instead of the last bytes if it gives back
  // others than were written.
  std::function<absl::StatusOr<size_t>(std::span<char>)> Reader() const;

  // Sends the bytes as the body of `request`. The rope must outlive the
  // exchange; each attempt attaches it anew.
  void AttachTo(HttpRequest& request) const;

 private:
  bool InMemory() const;
  absl::Status JudgeRead(const absl::StatusOr<uint32_t>& crc32c) const;

  std::vector<Piece> pieces_;
  uint64_t size_bytes_ = 0;
  Judge judge_;
  std::optional<uint32_t> crc32c_;
  std::string md5_;
};

}  // namespace lakefs::gateway
