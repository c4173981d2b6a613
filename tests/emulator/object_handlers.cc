#include "tests/emulator/object_handlers.h"

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tests/emulator/branch_writer.h"
#include "tests/emulator/byte_range.h"
#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

// The entry a call reads, or the reply that says why not.
struct Lookup {
  EntryPtr entry;
  HttpResponse error;
};

Lookup FindEntry(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) {
    return {nullptr, LakefsError(404, "repository not found")};
  }
  bool found_ref = false;
  EntryPtr entry = repository->FindEntry(call.route.branch,
                                         call.request.Query("path"), found_ref);
  if (entry == nullptr) return {nullptr, LakefsError(404, "not found")};
  // lakeFS takes any text for an address and stumbles over it later.
  const std::string& address = entry->physical_address;
  if (!address.empty() && !absl::StrContains(address, "/")) {
    return {
        nullptr,
        LakefsError(500, absl::StrCat("could not parse URI: parse \"", address,
                                      "\": invalid URI for request"))};
  }
  return {std::move(entry), {}};
}

std::string HttpDate(int64_t seconds) {
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                          absl::FromUnixSeconds(seconds), absl::UTCTimeZone());
}

// A reply whose Content-Length is the entry's size, whatever there really is.
void FillWhole(const Entry& entry, const std::string& bytes,
               HttpResponse& reply) {
  size_t size = std::max<int64_t>(entry.size_bytes, 0);
  reply.body = bytes;
  if (size == bytes.size()) return;
  // lakeFS announces `size` and ends the connection at what does not fit.
  reply.delivery = HttpResponse::Delivery::kTruncated;
  reply.cut_at = size < bytes.size() ? 0 : bytes.size();
  reply.body.resize(std::min(size, bytes.size() + (1 << 20)));
}

// The URL to read the entry by, or lakeFS's refusal.
struct ReadUrl {
  std::string url;
  std::optional<HttpResponse> refusal;
};

ReadUrl PresignRead(const Call& call, const Entry& entry) {
  auto url = call.Presign("GET", entry.physical_address);
  if (url.ok()) return {*url, std::nullopt};
  // 400 here, though getting an address answers 500 for the same reason.
  return {"", LakefsError(400, url.status().message())};
}

bool WantsPresign(const Call& call) {
  return call.request.Query("presign") == "true" &&
         call.backend.traits.has_presign;
}

}  // namespace

HttpResponse StatObject(const Call& call) {
  Lookup found = FindEntry(call);
  if (found.entry == nullptr) return found.error;
  json stats = StatsOf(call.request.Query("path"), *found.entry);
  if (found.entry->linked) {
    stats["physical_address"] =
        call.store().ShownAddress(found.entry->physical_address);
  }
  if (call.request.Query("user_metadata") == "false") {
    stats["metadata"] = json::object();
  }
  if (WantsPresign(call)) {
    ReadUrl presigned = PresignRead(call, *found.entry);
    if (presigned.refusal.has_value()) return *presigned.refusal;
    stats["physical_address"] = presigned.url;
    if (call.backend.traits.has_presign_expiry) {
      stats["physical_address_expiry"] =
          call.backend.NowSeconds() +
          call.backend.options.presign_lifetime.count();
    }
  }
  return JsonReply(200, stats);
}

HttpResponse GetObject(const Call& call) {
  if (call.request.method == "HEAD" && !call.backend.traits.has_head) {
    return LakefsError(500, "invalid API endpoint");
  }
  Lookup found = FindEntry(call);
  if (found.entry == nullptr) return found.error;
  const Entry& entry = *found.entry;
  if (WantsPresign(call)) {
    ReadUrl presigned = PresignRead(call, entry);
    if (presigned.refusal.has_value()) return *presigned.refusal;
    HttpResponse redirect;
    redirect.status = 302;
    redirect.headers["Location"] = presigned.url;
    return redirect;
  }
  absl::Status readable = call.store().CheckReadable(entry.physical_address);
  if (!readable.ok()) {
    return LakefsError(absl::IsPermissionDenied(readable) ? 403 : 500,
                       readable.message());
  }
  std::optional<Content> content = call.store().Get(entry.physical_address);
  bool has_bytes = content.has_value() && content->bytes != nullptr;
  HttpResponse reply;
  if (!has_bytes) {
    reply = content.has_value()
                ? LakefsError(500, "the emulator has discarded the bytes")
                : LakefsError(410, "No data");
  }
  reply.headers["Etag"] = absl::StrCat("\"", entry.checksum, "\"");
  reply.headers["Last-Modified"] = HttpDate(entry.mtime);
  if (!has_bytes) return reply;
  reply.headers["Content-Type"] = call.backend.traits.keeps_content_type
                                      ? entry.content_type
                                      : "application/octet-stream";
  reply.headers["Accept-Ranges"] = "bytes";
  std::string range = call.request.Header("range");
  if (range.empty()) {
    FillWhole(entry, *content->bytes, reply);
  } else {
    FillRange(range, *content->bytes, reply);
  }
  return reply;
}

HttpResponse ListObjects(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  auto branch = repository->FindBranch(call.route.branch);
  if (branch == nullptr) return LakefsError(404, "not found");
  std::string prefix = call.request.Query("prefix");
  std::string after = call.request.Query("after");
  size_t amount = 100;
  (void)absl::SimpleAtoi(call.request.Query("amount"), &amount);
  json results = json::array();
  bool more = false;
  for (const auto& [path, entry] : branch->ReadAll()) {
    if (!absl::StartsWith(path, prefix) || path <= after) continue;
    more = results.size() == amount;
    if (more) break;
    results.push_back(StatsOf(path, *entry));
  }
  std::string next = more ? results.back()["path"].get<std::string>() : "";
  json pagination = {{"has_more", more},
                     {"max_per_page", 1000},
                     {"next_offset", next},
                     {"results", results.size()}};
  return JsonReply(200, {{"pagination", pagination}, {"results", results}});
}

HttpResponse DeleteObject(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  WriteOptions options;
  options.force = call.request.Query("force") == "true";
  if (auto refused = WriteEntry(call, *repository, call.request.Query("path"),
                                nullptr, options)) {
    return *refused;
  }
  HttpResponse reply;
  reply.status = 204;
  return reply;
}

}  // namespace lakefs::gateway::testing
