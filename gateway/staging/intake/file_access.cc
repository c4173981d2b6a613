#include "gateway/staging/intake/file_access.h"

#include <endian.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

// What an access list looks like as an attribute of its file: a version, then
// entries, all little-endian.
// Source: linux/posix_acl_xattr.h, linux/posix_acl.h.
constexpr char kAttribute[] = "system.posix_acl_access";
constexpr uint32_t kVersion = 2;
enum Tag : uint16_t {
  kOwner = 0x01,
  kUser = 0x02,
  kOwningGroup = 0x04,
  kGroup = 0x08,
  kMask = 0x10,
  kOthers = 0x20,
};
struct Entry {
  uint16_t tag;
  uint16_t rights;
  uint32_t id;
};

// The most that a file system stores.
constexpr size_t kMostBytes = 64 << 10;

bool IsIn(gid_t group, const FileUser& user) {
  return user.gid == group || std::find(user.groups.begin(), user.groups.end(),
                                        group) != user.groups.end();
}

unsigned RightsByMode(const struct stat& info,
                      const std::optional<FileUser>& user) {
  if (user && user->uid == info.st_uid) return info.st_mode >> 6 & 7;
  if (user && IsIn(info.st_gid, *user)) return info.st_mode >> 3 & 7;
  return info.st_mode & 7;
}

// The access list of a file; empty if it has none, nothing if that cannot be
// told.
std::optional<std::vector<Entry>> AccessListOf(int fd) {
  // Descriptors that only name a file have no attributes of their own.
  const std::string name = absl::StrCat("/proc/self/fd/", fd);
  std::string bytes(kMostBytes, '\0');
  const ssize_t size =
      getxattr(name.c_str(), kAttribute, bytes.data(), bytes.size());
  if (size < 0) {
    const bool none = errno == ENODATA || errno == EOPNOTSUPP;
    return none ? std::make_optional(std::vector<Entry>()) : std::nullopt;
  }
  uint32_t version = 0;
  if (static_cast<size_t>(size) < sizeof(version)) return std::nullopt;
  std::memcpy(&version, bytes.data(), sizeof(version));
  const size_t entries_bytes = static_cast<size_t>(size) - sizeof(version);
  if (le32toh(version) != kVersion || entries_bytes % sizeof(Entry) != 0) {
    return std::nullopt;
  }
  std::vector<Entry> entries(entries_bytes / sizeof(Entry));
  std::memcpy(entries.data(), bytes.data() + sizeof(version), entries_bytes);
  for (Entry& entry : entries) {
    entry = {le16toh(entry.tag), le16toh(entry.rights), le32toh(entry.id)};
  }
  return entries;
}

// Source: acl(5), "Access check algorithm".
bool AllowsByList(const std::vector<Entry>& list, const struct stat& info,
                  const std::optional<FileUser>& user, unsigned right) {
  unsigned mask = 7;
  unsigned others = 0;
  for (const Entry& entry : list) {
    if (entry.tag == kMask) mask = entry.rights;
    if (entry.tag == kOthers) others = entry.rights;
  }
  if (!user) return (others & right) != 0;
  for (const Entry& entry : list) {
    if (entry.tag == kOwner && user->uid == info.st_uid) {
      return (entry.rights & right) != 0;
    }
  }
  for (const Entry& entry : list) {
    if (entry.tag == kUser && user->uid == entry.id) {
      return (entry.rights & mask & right) != 0;
    }
  }
  bool in_a_group = false;
  for (const Entry& entry : list) {
    const bool fits = (entry.tag == kOwningGroup && IsIn(info.st_gid, *user)) ||
                      (entry.tag == kGroup && IsIn(entry.id, *user));
    in_a_group |= fits;
    if (fits && (entry.rights & mask & right) != 0) return true;
  }
  return !in_a_group && (others & right) != 0;
}

}  // namespace

bool Allows(int fd, const std::optional<FileUser>& user, FileRight right) {
  struct stat info {};
  if (fstat(fd, &info) != 0) return false;
  if (user && user->uid == 0) return true;
  const auto list = AccessListOf(fd);
  if (!list) return false;
  const auto bit = static_cast<unsigned>(right);
  return list->empty() ? (RightsByMode(info, user) & bit) != 0
                       : AllowsByList(*list, info, user, bit);
}

}  // namespace lakefs::gateway
