#include "gateway/base/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

absl::Status CheckMode(const std::string& path, const struct stat& info) {
  if (!S_ISREG(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
  }
  if ((info.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s holds a secret and has mode %04o: others must not be able to read or "
      "write it (chmod 0640, or defaultMode: 0440 of a mounted secret)",
      path, info.st_mode & 07777));
}

}  // namespace

absl::Status CheckSecretFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
  }
  return CheckMode(path, info);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
  }
  struct stat info {};
  absl::Status status =
      fstat(fd, &info) == 0
          ? CheckMode(path, info)
          : absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
  std::string text(kMaxBytes, '\0');
  if (status.ok()) {
    const ssize_t n = read(fd, text.data(), text.size());
    if (n < 0) {
      status =
          absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
    }
    text.resize(n < 0 ? 0 : static_cast<size_t>(n));
  }
  close(fd);
  if (!status.ok()) return status;
  return std::string(absl::StripAsciiWhitespace(text));
}

int SecretFileWatch::Look() {
  int found = 0;
  for (const std::string& path : paths_) {
    if (path.empty()) continue;
    const absl::Status status = CheckSecretFile(path);
    if (status.ok()) {
      if (unsafe_.erase(path) > 0) {
        Log(LogLevel::kInfo, "file of a key is safe again", {{"file", path}});
      }
    } else if (unsafe_.insert(path).second) {
      ++found;
      Log(LogLevel::kError, "file of a key is unsafe",
          {{"message", std::string(status.message())}});
    }
  }
  return found;
}

}  // namespace lakefs::gateway
