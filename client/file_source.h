// A Source that reads a file, a pipe or standard input.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "client/source.h"

namespace lakefs::staging {

// A file. A regular one has a size, can be read again, and must stay as it is
// while it is read; anything else (a pipe, a device) is read to its end.
class FileSource : public Source {
 public:
  // Opens `name`; "-" is standard input.
  //
  // Errors, SOURCE_UNREADABLE: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT
  // (a folder), INTERNAL.
  static absl::StatusOr<std::unique_ptr<FileSource>> Open(
      const std::string& name);

  FileSource(const FileSource&) = delete;
  FileSource& operator=(const FileSource&) = delete;
  ~FileSource() override;

  std::optional<int64_t> size_bytes() const override;
  bool can_rewind() const override { return regular_; }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
  absl::Status Seek(int64_t offset) override;
  void Interrupt() override;

 private:
  FileSource(std::string name, int fd, bool owned);

  absl::Status Init();
  absl::StatusOr<size_t> ReadSome(char* buffer, size_t size);
  absl::Status WaitReadable();
  absl::Status CheckUnchanged();
  absl::Status Changed();
  absl::Status Unreadable(int error);

  const std::string name_;
  const int fd_;
  const bool owned_;  // whether to close fd_
  int wake_fd_ = -1;  // eventfd, readable after Interrupt()
  bool regular_ = false;
  struct stat opened_ = {};  // as it was at the beginning
  int64_t offset_ = 0;       // of the next byte, from the first of the source
  int64_t begin_ = 0;        // where in the file the source begins
};

}  // namespace lakefs::staging
