// Who calls, as far as the transport vouches for it.
#pragma once

#include <grpcpp/server_context.h>
#include <sys/types.h>

#include <compare>
#include <optional>
#include <string>
#include <vector>

namespace lakefs::gateway {

// The user behind a unix socket, as the kernel names it.
struct SocketPeer {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups = {};  // beside `gid`

  auto operator<=>(const SocketPeer&) const = default;
};

struct Caller {
  // Of a verified client certificate: "dns:NAME" and "uri:URI" of its subject
  // alternative names.
  std::vector<std::string> certificate_names;
  std::optional<SocketPeer> peer;
};

// The caller of a call; `peer` is that of the socket it came by, if it is
// known.
Caller CallerOf(const grpc::ServerContextBase& context,
                const std::optional<SocketPeer>& peer);

// Who that is, by the names that --allow-file has for callers: "uid 0, gid 0",
// "dns:a.example, uri:spiffe://b" or "without a name, ...", for errors.
std::string NameOf(const Caller& caller);

}  // namespace lakefs::gateway
