#include "gateway/server/access/caller.h"

#include <grpc/grpc_security_constants.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace lakefs::gateway {
namespace {

// More of them would make an error unreadable.
constexpr size_t kMostNames = 4;

}  // namespace

Caller CallerOf(const grpc::ServerContextBase& context,
                const std::optional<SocketPeer>& peer) {
  Caller caller{.peer = peer};
  const auto auth = context.auth_context();
  if (auth == nullptr || !auth->IsPeerAuthenticated()) return caller;
  const auto add = [&](const char* property, absl::string_view kind) {
    for (const grpc::string_ref& name : auth->FindPropertyValues(property)) {
      caller.certificate_names.push_back(
          absl::StrCat(kind, absl::string_view(name.data(), name.size())));
    }
  };
  add(GRPC_PEER_DNS_PROPERTY_NAME, "dns:");
  add(GRPC_PEER_URI_PROPERTY_NAME, "uri:");
  return caller;
}

std::string NameOf(const Caller& caller) {
  if (caller.peer) {
    return absl::StrCat("uid ", caller.peer->uid, ", gid ", caller.peer->gid);
  }
  std::vector<std::string> names = caller.certificate_names;
  if (names.empty()) {
    return "without a name, since it came neither by a unix socket nor with "
           "a certificate that has a DNS name or a URI";
  }
  if (names.size() > kMostNames) {
    names.resize(kMostNames);
    names.push_back("...");
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace lakefs::gateway
