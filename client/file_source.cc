#include "client/file_source.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

absl::Status NotReadable(const std::string& name, int error) {
  const std::string quoted =
      name == "-" ? "standard input"
                  : absl::StrCat("\"", absl::Utf8SafeCEscape(name), "\"");
  absl::StatusCode code = absl::ErrnoToStatusCode(error);
  if (error == EISDIR) code = absl::StatusCode::kInvalidArgument;
  if (code != absl::StatusCode::kNotFound &&
      code != absl::StatusCode::kPermissionDenied &&
      code != absl::StatusCode::kInvalidArgument) {
    code = absl::StatusCode::kInternal;
  }
  return MakeFailure(code, kSourceUnreadable,
                     absl::StrCat("cannot read ", quoted, ": ",
                                  std::system_category().message(error)),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_FIX_REQUEST);
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

absl::StatusOr<std::unique_ptr<FileSource>> FileSource::Open(
    const std::string& name) {
  const bool standard_input = name == "-";
  const int fd =
      standard_input ? STDIN_FILENO : open(name.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return NotReadable(name, errno);
  std::unique_ptr<FileSource> source(
      new FileSource(name, fd, /*owned=*/!standard_input));
  if (absl::Status status = source->Init(); !status.ok()) return status;
  return source;
}

FileSource::FileSource(std::string name, int fd, bool owned)
    : name_(std::move(name)), fd_(fd), owned_(owned) {}

FileSource::~FileSource() {
  if (owned_) close(fd_);
  if (wake_fd_ >= 0) close(wake_fd_);
}

absl::Status FileSource::Init() {
  wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd_ < 0 || fstat(fd_, &opened_) != 0) return Unreadable(errno);
  if (S_ISDIR(opened_.st_mode)) return Unreadable(EISDIR);
  if (!S_ISREG(opened_.st_mode)) return absl::OkStatus();
  // Standard input may be a file that somebody has read from already.
  begin_ = std::max<int64_t>(lseek(fd_, 0, SEEK_CUR), 0);
  // The files of /proc say that they are empty, and are not: read them as
  // pipes are read.
  char byte;
  regular_ = opened_.st_size > 0 || pread(fd_, &byte, 1, begin_) == 0;
  if (regular_) posix_fadvise(fd_, 0, 0, POSIX_FADV_SEQUENTIAL);
  return absl::OkStatus();
}

std::optional<int64_t> FileSource::size_bytes() const {
  if (!regular_) return std::nullopt;
  return std::max<int64_t>(opened_.st_size - begin_, 0);
}

absl::StatusOr<size_t> FileSource::Read(char* buffer, size_t size) {
  // One byte more than was announced is never asked for: a file that grew is
  // found out at the end, by its size.
  if (regular_) {
    size = static_cast<size_t>(
        std::min<int64_t>(static_cast<int64_t>(size), *size_bytes() - offset_));
  }
  size_t filled = 0;
  while (filled < size) {
    const auto got = ReadSome(buffer + filled, size - filled);
    if (!got.ok()) return got.status();
    if (*got == 0) break;
    filled += *got;
    offset_ += static_cast<int64_t>(*got);
  }
  if (regular_ && filled < size) return Changed();
  if (regular_ && offset_ == *size_bytes()) {
    if (absl::Status status = CheckUnchanged(); !status.ok()) return status;
  }
  return filled;
}

absl::StatusOr<size_t> FileSource::ReadSome(char* buffer, size_t size) {
  for (;;) {
    if (absl::Status status = WaitReadable(); !status.ok()) return status;
    const ssize_t got = regular_ ? pread(fd_, buffer, size, begin_ + offset_)
                                 : read(fd_, buffer, size);
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EINTR && errno != EAGAIN) return Unreadable(errno);
  }
}

absl::Status FileSource::WaitReadable() {
  pollfd fds[] = {{fd_, POLLIN, 0}, {wake_fd_, POLLIN, 0}};
  while (poll(fds, 2, -1) < 0) {
    if (errno != EINTR) return Unreadable(errno);
  }
  return fds[1].revents != 0 ? absl::CancelledError("interrupted")
                             : absl::OkStatus();
}

absl::Status FileSource::CheckUnchanged() {
  struct stat now = {};
  if (fstat(fd_, &now) != 0) return Unreadable(errno);
  return now.st_size == opened_.st_size &&
                 SameTime(now.st_mtim, opened_.st_mtim)
             ? absl::OkStatus()
             : Changed();
}

absl::Status FileSource::Seek(int64_t offset) {
  if (!regular_ || offset < 0 || offset > *size_bytes()) {
    return absl::OutOfRangeError("seek outside the file");
  }
  eventfd_t interruptions;
  eventfd_read(wake_fd_, &interruptions);  // EAGAIN if there were none
  offset_ = offset;
  return absl::OkStatus();
}

void FileSource::Interrupt() { eventfd_write(wake_fd_, 1); }

absl::Status FileSource::Changed() {
  return MakeFailure(absl::StatusCode::kAborted, kSourceChanged,
                     absl::StrCat("\"", absl::Utf8SafeCEscape(name_),
                                  "\" was changed while it was read"),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_RESTART);
}

absl::Status FileSource::Unreadable(int error) {
  return NotReadable(name_, error);
}

}  // namespace lakefs::staging
