// LinkPhysicalAddress: links bytes that the caller has put into the store.
#pragma once

#include <string>
#include <vector>

#include "absl/random/bit_gen_ref.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/server_info.h"

namespace lakefs::gateway {

struct LinkableAddresses {
  // Whether to link what lies outside the repository too.
  bool any = false;
  // The folders of local stores as lakeFS names them: the addresses that it
  // gives out begin with one, while the namespace does not.
  std::vector<std::string> local_roots;
};

// Links an address under the same outcome rules as an upload. There are no
// bytes to move, so what needs another address fails, with what lakeFS said of
// it.
//
// Only addresses under the repository's own storage namespace are taken, unless
// `any`: lakeFS links any other unchecked, so that a caller could read
// through the gateway's credentials whatever lies in the store.
//
// Threads: all methods may be called from any thread.
class AddressLinker {
 public:
  AddressLinker(ServerInfo& server_info, LinkLoop& link_loop,
                LinkableAddresses linkable = {});

  // With if_match, the object gets the mark kReplacesKey, as one that was
  // uploaded: without, nobody who was replaced could tell that it had stood
  // there.
  //
  // Errors: those of LinkLoop; FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED for
  // a condition on a release that would overwrite all the same, and an mtime on
  // one that would drop it.
  LinkReport Link(const CallContext& context, const ObjectPath& object,
                  const StagingMetadata& metadata,
                  const WriteCondition& condition, absl::BitGenRef random);

 private:
  absl::Status CheckNamespace(const CallContext& context,
                              const std::string& repository,
                              const std::string& physical_address,
                              absl::BitGenRef random);
  bool IsUnder(absl::string_view address,
               absl::string_view storage_namespace) const;
  // Whether the server heeds all that is asked for. Fills in what `request` has
  // to know of it.
  absl::Status CheckKept(const CallContext& context,
                         const StagingLocation& location, LinkRequest& request,
                         absl::BitGenRef random);

  ServerInfo& server_info_;
  LinkLoop& link_loop_;
  const LinkableAddresses linkable_;
};

}  // namespace lakefs::gateway
