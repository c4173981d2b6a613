// Makes parts of a file that is at hand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/intake/part_source.h"
#include "gateway/staging/intake/shared_file.h"
#include "gateway/staging/upload_progress.h"

namespace lakefs::gateway {

// Parts that point into a file, and are read when they are sent: they take no
// memory, and any of them can be had again.
//
// A file is not ours, and may change while it is read. So each part is summed
// as it is read, each time the same, and the file must be what it was when it
// was opened, at every part and at the end: else all ends with ABORTED,
// SOURCE_CHANGED, and nothing is linked.
class FileParts final : public PartSource {
 public:
  // `crc32c` is what the caller says the whole has.
  FileParts(const SharedFile& file, std::optional<uint32_t> crc32c,
            UploadProgress& progress)
      : file_(file), said_(crc32c), progress_(progress) {}

  absl::StatusOr<Part> Next(int64_t part_bytes) override;
  absl::StatusOr<Part> Next(const CallContext&, int64_t part_bytes) override {
    return Next(part_bytes);
  }
  bool ended() const override { return ended_; }
  bool at_hand() const override { return true; }
  // There are none.
  absl::Status CheckDigests(const Rope*) override { return absl::OkStatus(); }
  // Errors: ABORTED, SOURCE_CHANGED; INVALID_ARGUMENT, CHECKSUM_MISMATCH if the
  // file has another CRC32C than its caller says.
  absl::Status CheckSent() override;
  bool Restart() override;

  int64_t size_bytes() const override { return file_.size_bytes(); }
  std::optional<uint32_t> crc32c() const override;
  std::string md5() const override { return ""; }

 private:
  struct Sum {
    int64_t size_bytes = 0;
    uint32_t crc32c = 0;
  };

  Rope Stretch(int64_t offset, int64_t size_bytes);
  absl::Status Judge(int64_t offset, int64_t size_bytes,
                     const absl::StatusOr<uint32_t>& crc32c);
  absl::Status ReadUnread();

  const SharedFile& file_;
  const std::optional<uint32_t> said_;
  UploadProgress& progress_;

  int next_number_ = 1;
  int64_t offset_ = 0;  // of the next part
  bool ended_ = false;
  std::optional<uint32_t> first_;  // of the whole, before a restart

  mutable absl::Mutex mu_;
  std::map<int64_t, Sum> sums_ ABSL_GUARDED_BY(mu_);  // of parts, by offset
};

}  // namespace lakefs::gateway
