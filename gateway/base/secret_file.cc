#include "gateway/base/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace lakefs::gateway {
namespace {

constexpr size_t kMaxSecretBytes = 64 << 10;
constexpr size_t kMaxBytes = 4 << 20;

// What the system says of the call that has just failed.
absl::Status Unreadable(const std::string& path) {
  const char* why = std::strerror(errno);
  return absl::InvalidArgumentError(
      absl::StrCat(path, " cannot be read: ", why));
}

absl::Status CheckKind(const std::string& path, const struct stat& info) {
  if (S_ISREG(info.st_mode)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(path, " is not a file"));
}

absl::Status CheckMode(const std::string& path, const struct stat& info) {
  if (auto s = CheckKind(path, info); !s.ok()) return s;
  if ((info.st_mode & (S_IROTH | S_IWOTH | S_IWGRP)) == 0) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrFormat(
      "%s holds a secret and has mode %04o: others must not be able to read or "
      "write it (chmod 0640, or defaultMode: 0440 of a mounted secret)",
      path, info.st_mode & 07777));
}

// What is left of the file behind `fd`, if it is not more than `max_bytes`.
absl::StatusOr<std::string> ReadAll(int fd, const std::string& path,
                                    size_t max_bytes) {
  std::string text;
  char buffer[8192];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof(buffer));
    if (n < 0) return Unreadable(path);
    if (n == 0) return text;
    text.append(buffer, static_cast<size_t>(n));
    if (text.size() > max_bytes) {
      return absl::InvalidArgumentError(
          absl::StrCat(path, " has more than ", max_bytes, " bytes"));
    }
  }
}

// The contents of the file if `check` finds nothing wrong with it.
absl::StatusOr<std::string> Read(const std::string& path, size_t max_bytes,
                                 absl::Status (*check)(const std::string&,
                                                       const struct stat&)) {
  // Without O_NONBLOCK, to open a pipe blocks.
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return Unreadable(path);
  struct stat info {};
  const absl::Status checked =
      fstat(fd, &info) == 0 ? check(path, info) : Unreadable(path);
  auto text = checked.ok() ? ReadAll(fd, path, max_bytes)
                           : absl::StatusOr<std::string>(checked);
  close(fd);
  return text;
}

}  // namespace

absl::Status CheckSecretFile(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return Unreadable(path);
  return CheckMode(path, info);
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  auto text = Read(path, kMaxSecretBytes, CheckMode);
  if (!text.ok()) return text;
  return std::string(absl::StripAsciiWhitespace(*text));
}

absl::StatusOr<std::string> ReadFile(const std::string& path) {
  return Read(path, kMaxBytes, CheckKind);
}

}  // namespace lakefs::gateway
