#include "gateway/server/listen/unix_socket.h"

#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

sockaddr_un AddressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
  return address;
}

// Whether somebody answers on the socket, or might: one that we may not use
// tells nothing.
bool MayBeServed(const std::string& path) {
  const sockaddr_un address = AddressOf(path);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const bool served = connect(fd, reinterpret_cast<const sockaddr*>(&address),
                              sizeof(address)) == 0 ||
                      errno != ECONNREFUSED;
  close(fd);
  return served;
}

// Those beside the first; none where that cannot be told.
std::vector<gid_t> GroupsOf(int fd) {
  std::vector<gid_t> groups;
  socklen_t size = 0;
  // The first time it tells how much room they take.
  while (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups.data(), &size) != 0) {
    if (errno != ERANGE || size <= groups.size() * sizeof(gid_t)) return {};
    groups.resize(size / sizeof(gid_t));
  }
  groups.resize(size / sizeof(gid_t));
  return groups;
}

}  // namespace

absl::Status PrepareSocket(const std::string& path) {
  if (path.empty() || path.size() >= sizeof(sockaddr_un{}.sun_path)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=unix:", path, ": a socket's path has 1 to 107 bytes"));
  }
  struct stat info {};
  if (lstat(path.c_str(), &info) != 0) return absl::OkStatus();
  if (!S_ISSOCK(info.st_mode)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--listen=unix:", path, ": there is a file that is not a socket"));
  }
  if (MayBeServed(path)) {
    return absl::UnavailableError(
        absl::StrCat("--listen=unix:", path,
                     ": another server is using it, or another user"));
  }
  if (unlink(path.c_str()) != 0) {
    return absl::UnavailableError(
        absl::StrCat("--listen=unix:", path,
                     ": a dead server has left it, and it cannot be removed: ",
                     std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::Status SetAccess(const std::string& path, mode_t mode,
                       const std::string& group) {
  if (!group.empty()) {
    std::vector<char> buffer(1 << 16);
    struct group entry {};
    struct group* found = nullptr;
    getgrnam_r(group.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (found == nullptr) {
      return absl::InvalidArgumentError(
          absl::StrCat("--unix-group=", group, ": there is no such group"));
    }
    if (chown(path.c_str(), static_cast<uid_t>(-1), entry.gr_gid) != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("--unix-group=", group, ": cannot be given to ", path,
                       ": ", std::strerror(errno)));
    }
  }
  if (chmod(path.c_str(), mode) != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "--unix-mode: cannot be given to ", path, ": ", std::strerror(errno)));
  }
  return absl::OkStatus();
}

absl::StatusOr<int> ListenOnSocket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  const sockaddr_un address = AddressOf(path);
  const mode_t old_mask = umask(0177);
  const bool bound = bind(fd, reinterpret_cast<const sockaddr*>(&address),
                          sizeof(address)) == 0;
  umask(old_mask);  // which leaves errno as it is
  if (bound && listen(fd, SOMAXCONN) == 0) return fd;
  const std::string why = std::strerror(errno);
  close(fd);
  return absl::UnavailableError(
      absl::StrCat("--listen=unix:", path, ": cannot listen there: ", why));
}

std::optional<SocketPeer> PeerOf(int fd) {
  ucred peer{};
  socklen_t size = sizeof(peer);
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return {};
  return SocketPeer{peer.uid, peer.gid, GroupsOf(fd)};
}

}  // namespace lakefs::gateway
