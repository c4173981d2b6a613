// Temporary files for bytes that memory does not hold.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/http/rope.h"

namespace lakefs::gateway {

struct SpoolOptions {
  // The folder; empty: TMPDIR, or /tmp.
  std::string directory;
  // Most bytes of all files together. 8 GiB: one object of the largest single
  // PUT that S3 takes, and some.
  int64_t capacity_bytes = int64_t{8} << 30;
};

class SpoolFile;

// Makes files without a name: nothing of them remains when the program ends,
// however it ends.
//
// Threads: all methods may be called from any thread; files are of one each.
class Spool {
 public:
  explicit Spool(SpoolOptions options) : options_(std::move(options)) {}

  // An empty file.
  // Errors: RESOURCE_EXHAUSTED, SPOOL_FULL if the folder takes none.
  absl::StatusOr<std::unique_ptr<SpoolFile>> Create();

  int64_t used_bytes() const { return used_; }
  int64_t capacity_bytes() const { return options_.capacity_bytes; }

 private:
  friend class SpoolFile;
  const SpoolOptions options_;
  std::atomic<int64_t> used_{0};
};

// A file that only grows, and goes away with this.
class SpoolFile {
 public:
  SpoolFile(Spool& spool, int fd) : spool_(spool), fd_(fd) {}
  ~SpoolFile();
  SpoolFile(const SpoolFile&) = delete;
  SpoolFile& operator=(const SpoolFile&) = delete;

  // Appends the bytes, all of them or none.
  // Errors: RESOURCE_EXHAUSTED, SPOOL_FULL at the cap or on a full disk.
  absl::Status Append(absl::string_view bytes);

  int fd() const { return fd_; }
  int64_t size_bytes() const { return size_; }

 private:
  Spool& spool_;
  const int fd_;
  int64_t size_ = 0;
};

}  // namespace lakefs::gateway
