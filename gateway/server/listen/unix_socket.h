// Unix sockets as listeners.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/server/access/caller.h"

namespace lakefs::gateway {

// Makes room for a socket at `path`: one that a dead server left goes away.
//
// Errors: INVALID_ARGUMENT if the path is too long or holds something else;
// UNAVAILABLE if another server is using it.
absl::Status PrepareSocket(const std::string& path);

// Gives the socket's file its mode and, if one is named, its group.
//
// Errors: INVALID_ARGUMENT if there is no such group, or it may not be given.
absl::Status SetAccess(const std::string& path, mode_t mode,
                       const std::string& group);

// A descriptor that listens at `path`, which must be prepared; nobody but the
// owner may connect until SetAccess.
//
// Errors: UNAVAILABLE.
absl::StatusOr<int> ListenOnSocket(const std::string& path);

// The user behind a connection of a unix socket, as the kernel names it.
std::optional<SocketPeer> PeerOf(int fd);

}  // namespace lakefs::gateway
