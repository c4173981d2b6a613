#include "tests/emulator/staging_handlers.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "tests/emulator/branch_writer.h"
#include "tests/emulator/json_fields.h"
#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

// A new StagingLocation, presigned if asked for.
absl::StatusOr<json> NewLocation(const Call& call, const Repository& repository,
                                 bool presign) {
  Backend& backend = call.backend;
  std::string address = call.store().AddressIn(
      repository.storage_namespace(),
      backend.mint.Mint(repository.name(), call.route.branch,
                        call.request.Query("path")));
  json location = {{"physical_address", address}};
  if (backend.traits.has_token) {
    location["token"] =
        backend.mint.TokenOf(repository.name(), call.route.branch);
  }
  if (!backend.traits.has_presign) return location;
  location["presigned_url"] = nullptr;
  if (!presign) return location;
  absl::StatusOr<std::string> url = call.Presign("PUT", address);
  if (!url.ok()) return url.status();
  location["presigned_url"] = *url;
  if (backend.traits.has_presign_expiry) {
    location["presigned_url_expiry"] =
        backend.NowSeconds() + backend.options.presign_lifetime.count();
  }
  return location;
}

bool IsChecked(const DialectTraits& traits, const std::string& prefix,
               const std::string& address) {
  switch (traits.checked_addresses) {
    case CheckedAddresses::kNone:
      return false;
    case CheckedAddresses::kAll:
      return true;
    case CheckedAddresses::kInNamespace:
      return absl::StartsWith(address, prefix);
    case CheckedAddresses::kInData:
      break;
  }
  return absl::StartsWith(address, prefix + "data/");
}

bool FitsInt64(const json& number) {
  return !number.is_number_unsigned() ||
         number.get<uint64_t>() <= std::numeric_limits<int64_t>::max();
}

std::string CleanChecksum(const std::string& checksum) {
  return absl::StrReplaceAll(checksum, {{"\"", ""}, {" ", ""}});
}

// The entry that a valid StagingMetadata describes.
Entry EntryOf(const Call& call, const json& body) {
  Entry entry;
  entry.physical_address = StringField(body["staging"], "physical_address");
  entry.linked = true;
  entry.checksum = StringField(body, "checksum");
  entry.size_bytes = IntField(body, "size_bytes");
  entry.content_type = StringField(body, "content_type");
  if (entry.content_type.empty()) {
    entry.content_type = "application/octet-stream";
  }
  entry.metadata = StringMapField(body, "user_metadata");
  entry.mtime = call.backend.NowSeconds();
  if (call.backend.traits.has_mtime) {
    entry.mtime = IntField(body, "mtime", entry.mtime);
  }
  return entry;
}

}  // namespace

HttpResponse GetPhysicalAddress(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  if (call.backend.traits.checks_branch_early &&
      repository->FindBranch(call.route.branch) == nullptr) {
    auto refused = RefuseBranchName(call, "branch");
    if (!refused.has_value()) return LakefsError(404, "branch not found");
    refused->status = 500;
    return *refused;
  }
  auto location =
      NewLocation(call, *repository, call.request.Query("presign") == "true");
  if (!location.ok()) return LakefsError(500, location.status().message());
  return JsonReply(200, *location);
}

std::optional<HttpResponse> ReadCondition(const Call& call,
                                          EntryCondition& condition) {
  const DialectTraits& traits = call.backend.traits;
  std::string if_none_match = call.request.Header("if-none-match");
  condition.if_absent = traits.has_condition && if_none_match == "*";
  if (traits.has_condition && !if_none_match.empty() && !condition.if_absent) {
    return LakefsError(traits.bad_condition_status,
                       traits.bad_condition_status == 501
                           ? "Not Implemented"
                           : "Unsupported value for If-None-Match - Only "
                             "\"*\" is supported");
  }
  std::string if_match = call.request.Header("if-match");
  if (!traits.has_if_match || if_match.empty()) return std::nullopt;
  if (!call.backend.options.if_match) {
    return LakefsError(501, "Not Implemented");
  }
  condition.if_match = std::move(if_match);
  return std::nullopt;
}

std::optional<HttpResponse> RefuseAddress(const Call& call,
                                          const Repository& repository,
                                          const std::string& address,
                                          std::optional<HttpResponse> outside) {
  std::string prefix = absl::StrCat(repository.storage_namespace(), "/");
  if (!IsChecked(call.backend.traits, prefix, address)) return outside;
  absl::string_view relative = address;
  absl::ConsumePrefix(&relative, prefix);
  switch (call.backend.mint.Redeem(std::string(relative), repository.name(),
                                   call.route.branch,
                                   call.request.Query("path"))) {
    case AddressVerdict::kGood:
      return std::nullopt;
    case AddressVerdict::kUnsigned:
      return LakefsError(400, "address is not signed: link address invalid");
    case AddressVerdict::kBadSignature:
      return LakefsError(400, "invalid address signature: invalid address");
    case AddressVerdict::kExpired:
      return LakefsError(400, "link address expired");
    case AddressVerdict::kBadToken:
      break;
  }
  return LakefsError(400, "bad address token (expired or invalid)");
}

HttpResponse LinkPhysicalAddress(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  if (call.fault != nullptr &&
      call.fault->kind == Fault::Kind::kConflictWithLocation) {
    auto location = NewLocation(call, *repository, call.CanPresign());
    return JsonReply(409, *location);
  }
  WriteOptions options;
  options.race = call.backend.traits.link_race;
  options.skips = call.backend.traits.skips_creates;
  if (auto refused = ReadCondition(call, options.condition)) return *refused;
  json body = json::parse(call.request.body, nullptr, false);
  if (!FitsInt64(body["size_bytes"])) {
    HttpResponse reply;  // The validator lets it pass; Go's decoder does not.
    reply.status = 400;
    reply.headers["Content-Type"] = "text/plain; charset=utf-8";
    reply.body = "Error unmarshalling body 'LinkPhysicalAddress' as JSON\n";
    return reply;
  }
  Entry entry = EntryOf(call, body);
  options.force = BoolField(body, "force");
  if (call.backend.traits.needs_address && entry.physical_address.empty() &&
      !body["staging"].contains("physical_address")) {
    HttpResponse nothing;
    nothing.delivery = HttpResponse::Delivery::kReset;
    return nothing;
  }
  if (auto refused = RefuseAddress(call, *repository, entry.physical_address,
                                   std::nullopt)) {
    return *refused;
  }
  if (call.backend.traits.cleans_checksum) {
    entry.checksum = CleanChecksum(entry.checksum);
    if (entry.checksum.empty()) return LakefsError(400, "checksum is required");
  }
  std::string path = call.request.Query("path");
  json stats = StatsOf(path, entry);
  if (auto refused = WriteEntry(call, *repository, path,
                                std::make_shared<const Entry>(std::move(entry)),
                                options)) {
    return *refused;
  }
  if (call.backend.traits.relative_link_reply) {
    std::string address = stats["physical_address"];
    std::string prefix = absl::StrCat(repository->storage_namespace(), "/");
    if (absl::StartsWith(address, prefix)) {
      stats["physical_address"] = address.substr(prefix.size());
    }
  }
  return JsonReply(200, stats);
}

}  // namespace lakefs::gateway::testing
