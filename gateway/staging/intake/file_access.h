// What the rights of a file let another user do.
#pragma once

#include <sys/types.h>

#include <optional>
#include <vector>

namespace lakefs::gateway {

// A user of the machine, as the kernel tells of who is behind a unix socket.
struct FileUser {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // beside `gid`
};

enum class FileRight : unsigned { kRead = 4, kSearch = 1 };

// Whether the rights of the open file or folder `fd` let `user` read it, or
// look names up in it: by its mode and its POSIX access list, as the kernel
// would decide. What is open to nobody but root is open to root. A user that
// is not known may what everybody may.
//
// File systems with access lists of another kind keep a mode that does not
// allow more than those; where one does, it is the mode that counts here.
// Errors: false where it cannot be found out.
bool Allows(int fd, const std::optional<FileUser>& user, FileRight right);

}  // namespace lakefs::gateway
