#include "gateway/staging/link/address_linker.h"

#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"
#include "gateway/http/http_client.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"

namespace lakefs::gateway {
namespace {

bool IsBelow(absl::string_view address, absl::string_view folder) {
  return absl::ConsumePrefix(&address, absl::StripSuffix(folder, "/")) &&
         absl::StartsWith(address, "/") && !absl::StrContains(address, "/../");
}

}  // namespace

AddressLinker::AddressLinker(ServerInfo& server_info, LinkLoop& link_loop,
                             LinkableAddresses linkable)
    : server_info_(server_info),
      link_loop_(link_loop),
      linkable_(std::move(linkable)) {}

LinkReport AddressLinker::Link(const CallContext& context,
                               const ObjectPath& object,
                               const StagingMetadata& metadata,
                               const WriteCondition& condition,
                               absl::BitGenRef random) {
  const auto allowed = CheckNamespace(
      context, object.repository, metadata.staging.physical_address, random);
  if (!allowed.ok()) return NotCommitted(allowed);
  LinkRequest request{.object = object,
                      .size_bytes = metadata.size_bytes,
                      .user_metadata = metadata.user_metadata,
                      .content_type = metadata.content_type,
                      .mtime = metadata.mtime,
                      .force = metadata.force,
                      .if_absent = condition.if_absent,
                      .if_match = condition.if_match};
  if (condition.if_match) {
    request.user_metadata[kReplacesKey] = *condition.if_match;
  }
  const auto kept = CheckKept(context, metadata.staging, request, random);
  if (!kept.ok()) return NotCommitted(kept);
  return link_loop_.Run(
      context, request, Before{},
      {.location = metadata.staging,
       .checksum = metadata.checksum,
       .relinkable = IsSignedAddress(metadata.staging.physical_address)},
      nullptr, random);
}

absl::Status AddressLinker::CheckKept(const CallContext& context,
                                      const StagingLocation& location,
                                      LinkRequest& request,
                                      absl::BitGenRef random) {
  const bool in_doubt =
      request.if_absent && !IsSignedAddress(location.physical_address);
  if (!in_doubt && !request.if_match && !request.mtime) {
    return absl::OkStatus();
  }
  const auto server =
      server_info_.Get(context, request.object.repository, random);
  if (!server.ok()) return server.status();
  if (in_doubt) {
    const Dialect dialect = DialectOf(*server, location);
    if (auto kept = CheckConditional(dialect); !kept.ok()) return kept;
    request.skips_creates = dialect.skips_creates;
  }
  if (request.if_match) {
    if (auto kept = CheckIfMatch(*server); !kept.ok()) return kept;
  }
  return request.mtime ? CheckMtime(*server) : absl::OkStatus();
}

absl::Status AddressLinker::CheckNamespace(const CallContext& context,
                                           const std::string& repository,
                                           const std::string& physical_address,
                                           absl::BitGenRef random) {
  if (linkable_.any) return absl::OkStatus();
  std::string storage_namespace;
  for (const auto age : {ServerInfo::Age::kLately, ServerInfo::Age::kNow}) {
    auto found = server_info_.GetRepository(context, repository, random, age);
    if (!found.ok()) return found.status();
    storage_namespace = std::move(found->storage_namespace);
    if (IsUnder(physical_address, storage_namespace)) return absl::OkStatus();
  }
  return InvalidRequest(
      {{"metadata.staging.physical_address",
        absl::StrCat("is not under ", storage_namespace,
                     ", the storage namespace of repository ", repository,
                     absl::StartsWith(storage_namespace, kLocalScheme) &&
                             linkable_.local_roots.empty()
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
  return absl::ConsumePrefix(&storage_namespace, kLocalScheme) &&
         absl::c_any_of(linkable_.local_roots, [&](const std::string& root) {
           return IsBelow(address, absl::StrCat(kLocalScheme, root, "/",
                                                storage_namespace));
         });
}

}  // namespace lakefs::gateway
