#include "gateway/staging/intake/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/process/descriptors.h"

namespace lakefs::gateway {
namespace {

absl::Status Full(absl::string_view why) {
  return MakeError(absl::StatusCode::kResourceExhausted, why,
                   Reason::kSpoolFull);
}

std::string Directory(const SpoolOptions& options) {
  if (!options.directory.empty()) return options.directory;
  const char* tmp = std::getenv("TMPDIR");
  return tmp != nullptr && *tmp != '\0' ? tmp : "/tmp";
}

// A file without a name, also where the file system knows no O_TMPFILE.
int OpenUnlinked(const std::string& directory) {
  const int fd =
      open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR)) return fd;
  std::string name = absl::StrCat(directory, "/lakefs-staging-XXXXXX");
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SpoolFile>> Spool::Create() {
  const std::string directory = Directory(options_);
  const int fd = OpenUnlinked(directory);
  if (fd < 0 && errno == EMFILE) return Full(NoDescriptorLeft());
  if (fd < 0) {
    return Full(absl::StrCat("no file can be made in --spool-dir ", directory,
                             ": ", std::strerror(errno)));
  }
  return std::make_unique<SpoolFile>(*this, fd);
}

SpoolFile::~SpoolFile() {
  close(fd_);
  spool_.used_ -= size_;
}

absl::Status SpoolFile::Append(absl::string_view bytes) {
  const auto size = static_cast<int64_t>(bytes.size());
  if (spool_.used_.fetch_add(size) + size > spool_.options_.capacity_bytes) {
    spool_.used_ -= size;
    return Full(
        absl::StrCat("the spool holds as much as --spool-bytes allows, ",
                     spool_.options_.capacity_bytes, " bytes"));
  }
  int64_t at = size_;
  while (!bytes.empty()) {
    const ssize_t n = pwrite(fd_, bytes.data(), bytes.size(), at);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) {
      spool_.used_ -= size;
      return Full(absl::StrCat("the spool cannot be written: ",
                               std::strerror(n < 0 ? errno : ENOSPC)));
    }
    bytes.remove_prefix(static_cast<size_t>(n));
    at += n;
  }
  size_ = at;
  return absl::OkStatus();
}

}  // namespace lakefs::gateway
