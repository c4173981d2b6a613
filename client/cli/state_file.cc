#include "client/cli/state_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

// What the file begins with, to be told from any other.
constexpr absl::string_view kMagic = "lakefs-staging resume token 2\n";

// A token of the gateway has at most 666,384 bytes.
constexpr size_t kMostBytes = 1 << 20;

class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  const int fd_;
};

bool WriteAll(int fd, absl::string_view text) {
  while (!text.empty()) {
    const ssize_t n = write(fd, text.data(), text.size());
    if (n < 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

// Makes a rename in the folder of `path` last.
void SyncFolder(const std::string& path) {
  const size_t slash = path.rfind('/');
  const std::string folder =
      slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const Descriptor fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd.get() >= 0) fsync(fd.get());
}

}  // namespace

absl::Status StateFile::Failed(absl::string_view what) const {
  return MakeFailure(absl::StatusCode::kInternal, kSourceUnreadable,
                     absl::StrCat("the file ", path_, " cannot be ", what, ": ",
                                  std::strerror(errno)));
}

absl::StatusOr<std::optional<UploadState>> StateFile::Load() const {
  const Descriptor fd(open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0 && errno == ENOENT) return std::nullopt;
  std::string text(kMostBytes, '\0');
  const ssize_t n = fd.get() < 0 ? -1 : read(fd.get(), &text[0], text.size());
  if (n < 0) return Failed("read");
  text.resize(static_cast<size_t>(n));
  absl::string_view rest = text;
  const size_t line = text.find('\n', kMagic.size());
  if (!absl::ConsumePrefix(&rest, kMagic) || line == std::string::npos) {
    return MakeFailure(
        absl::StatusCode::kInvalidArgument, kInvalidRequest,
        absl::StrCat("the file ", path_,
                     " is not one that --resume has written; name another"),
        v1::OUTCOME_NOT_COMMITTED, v1::UploadFailure::ADVICE_FIX_REQUEST);
  }
  return UploadState{
      .request_id = text.substr(kMagic.size(), line - kMagic.size()),
      .token = text.substr(line + 1)};
}

absl::Status StateFile::Save(const UploadState& state) const {
  const std::string beside = absl::StrCat(path_, ".new");
  unlink(beside.c_str());
  {
    const Descriptor fd(
        open(beside.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (fd.get() < 0 || !WriteAll(fd.get(), kMagic) ||
        !WriteAll(fd.get(), absl::StrCat(state.request_id, "\n")) ||
        !WriteAll(fd.get(), state.token) || fsync(fd.get()) != 0) {
      return Failed("written");
    }
  }
  if (std::rename(beside.c_str(), path_.c_str()) != 0) return Failed("written");
  SyncFolder(path_);
  return absl::OkStatus();
}

absl::Status StateFile::Remove() const {
  if (unlink(path_.c_str()) != 0 && errno != ENOENT) return Failed("removed");
  return absl::OkStatus();
}

}  // namespace lakefs::staging
