#include "gateway/server/caller.h"

#include <grpc/grpc_security_constants.h>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {

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

}  // namespace lakefs::gateway
