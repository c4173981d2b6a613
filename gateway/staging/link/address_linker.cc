#include "gateway/staging/link/address_linker.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"
#include "gateway/http/http_client.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// Repositories whose namespace is remembered; past it, all are forgotten.
constexpr size_t kMaxNamespaces = 1024;

bool IsBelow(absl::string_view address, absl::string_view folder) {
  return absl::ConsumePrefix(&address, absl::StripSuffix(folder, "/")) &&
         absl::StartsWith(address, "/") && !absl::StrContains(address, "/../");
}

}  // namespace

AddressLinker::AddressLinker(LakefsApi& lakefs, ServerInfo& server_info,
                             LinkLoop& link_loop, RetryBudget& budget,
                             LinkableAddresses linkable)
    : lakefs_(lakefs),
      server_info_(server_info),
      link_loop_(link_loop),
      budget_(budget),
      linkable_(std::move(linkable)) {}

LinkReport AddressLinker::Link(const CallContext& context,
                               const ObjectPath& object,
                               const StagingMetadata& metadata, bool if_absent,
                               absl::BitGenRef random) {
  const auto allowed = CheckNamespace(
      context, object.repository, metadata.staging.physical_address, random);
  if (!allowed.ok()) return NotCommitted(allowed);
  const auto kept = CheckKept(context, metadata, if_absent, random);
  if (!kept.ok()) return NotCommitted(kept);
  return link_loop_.Run(
      context,
      {.object = object,
       .size_bytes = metadata.size_bytes,
       .user_metadata = metadata.user_metadata,
       .content_type = metadata.content_type,
       .mtime = metadata.mtime,
       .force = metadata.force,
       .if_absent = if_absent},
      Before{},
      {.location = metadata.staging,
       .checksum = metadata.checksum,
       .relinkable = IsSignedAddress(metadata.staging.physical_address)},
      nullptr, random);
}

absl::Status AddressLinker::CheckKept(const CallContext& context,
                                      const StagingMetadata& metadata,
                                      bool if_absent, absl::BitGenRef random) {
  const StagingLocation& location = metadata.staging;
  const bool in_doubt =
      if_absent && !IsSignedAddress(location.physical_address);
  if (!in_doubt && !metadata.mtime) return absl::OkStatus();
  const auto server = server_info_.Get(context, random);
  if (!server.ok()) return server.status();
  if (in_doubt) {
    const auto kept = CheckConditional(DialectOf(*server, location));
    if (!kept.ok()) return kept;
  }
  return metadata.mtime ? CheckMtime(*server) : absl::OkStatus();
}

absl::Status AddressLinker::CheckNamespace(const CallContext& context,
                                           const std::string& repository,
                                           const std::string& physical_address,
                                           absl::BitGenRef random) {
  if (linkable_.any) return absl::OkStatus();
  std::string storage_namespace;
  // What a caller learned by its own rights is not told to others.
  const bool shared = context.authorization().empty();
  if (shared) {
    absl::MutexLock lock(&mu_);
    const auto known = namespaces_.find(repository);
    if (known != namespaces_.end()) storage_namespace = known->second;
  }
  if (storage_namespace.empty()) {
    auto asked = Repeat(context, budget_, random, [&] {
      return lakefs_.GetStorageNamespace(context, repository);
    });
    if (!asked.ok()) return asked.status();
    storage_namespace = *asked;
    if (shared) {
      absl::MutexLock lock(&mu_);
      if (namespaces_.size() >= kMaxNamespaces) namespaces_.clear();
      namespaces_[repository] = storage_namespace;
    }
  }
  if (IsUnder(physical_address, storage_namespace)) return absl::OkStatus();
  return InvalidRequest(
      {{"metadata.staging.physical_address",
        absl::StrCat("is not under ", storage_namespace,
                     ", the storage namespace of repository ", repository,
                     absl::StartsWith(storage_namespace, kLocalScheme) &&
                             linkable_.local_root.empty()
                         ? "; to link what lakeFS gives out for a local store, "
                           "name its folder to the gateway by --local-store"
                         : "")}});
}

bool AddressLinker::IsUnder(absl::string_view address,
                            absl::string_view storage_namespace) const {
  if (IsBelow(address, storage_namespace)) return true;
  // lakeFS takes the namespace for a URL, and makes addresses of what it means.
  const std::string meant = PercentDecode(storage_namespace);
  if (IsBelow(address, meant)) return true;
  storage_namespace = meant;
  return !linkable_.local_root.empty() &&
         absl::ConsumePrefix(&storage_namespace, kLocalScheme) &&
         IsBelow(address, absl::StrCat(kLocalScheme, linkable_.local_root, "/",
                                       storage_namespace));
}

}  // namespace lakefs::gateway
