// LinkPhysicalAddress: links bytes that the caller has put into the store.
#pragma once

#include <map>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/server_info.h"

namespace lakefs::gateway {

struct LinkableAddresses {
  // Whether to link what lies outside the repository too.
  bool any = false;
  // The folder of a local store as lakeFS names it, or empty: the addresses
  // that it gives out begin with that, while the namespace does not.
  std::string local_root;
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
  AddressLinker(LakefsApi& lakefs, ServerInfo& server_info, LinkLoop& link_loop,
                RetryBudget& budget, LinkableAddresses linkable = {});

  // Errors: those of LinkLoop; FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED for
  // `if_absent` on a release that would overwrite all the same, and an mtime on
  // one that would drop it.
  LinkReport Link(const CallContext& context, const ObjectPath& object,
                  const StagingMetadata& metadata, bool if_absent,
                  absl::BitGenRef random);

 private:
  absl::Status CheckNamespace(const CallContext& context,
                              const std::string& repository,
                              const std::string& physical_address,
                              absl::BitGenRef random);
  bool IsUnder(absl::string_view address,
               absl::string_view storage_namespace) const;
  // Whether the server heeds all that is asked for.
  absl::Status CheckKept(const CallContext& context,
                         const StagingMetadata& metadata, bool if_absent,
                         absl::BitGenRef random);

  LakefsApi& lakefs_;
  ServerInfo& server_info_;
  LinkLoop& link_loop_;
  RetryBudget& budget_;
  const LinkableAddresses linkable_;
  absl::Mutex mu_;
  // A repository's namespace never changes while it exists.
  std::map<std::string, std::string> namespaces_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
