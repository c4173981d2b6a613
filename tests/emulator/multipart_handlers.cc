#include "tests/emulator/multipart_handlers.h"

#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/branch_writer.h"
#include "tests/emulator/json_fields.h"
#include "tests/emulator/lakefs_reply.h"
#include "tests/emulator/staging_handlers.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

constexpr absl::string_view kNotSupported =
    "presign multipart upload API is not supported";

// What the three calls on an open upload have in common.
struct Upload {
  std::shared_ptr<Repository> repository;
  json body;
  std::string address;
  std::optional<HttpResponse> refusal;
};

Upload FindUpload(const Call& call) {
  Upload upload;
  if (!call.CanMultipart()) {
    upload.refusal = LakefsError(501, kNotSupported);
    return upload;
  }
  upload.repository = call.backend.catalog.Find(call.route.repository);
  if (upload.repository == nullptr) {
    upload.refusal = LakefsError(404, "repository not found");
    return upload;
  }
  upload.body = json::parse(call.request.body, nullptr, false);
  upload.address = StringField(upload.body, "physical_address");
  upload.refusal = RefuseAddress(
      call, *upload.repository, upload.address,
      LakefsError(400,
                  "physical address must be relative to the storage "
                  "namespace"));
  return upload;
}

std::vector<CompletedPart> PartsOf(const json& body) {
  std::vector<CompletedPart> parts;
  auto it = body.find("parts");
  if (it == body.end() || !it->is_array()) return parts;
  for (const json& part : *it) {
    if (!part.is_object()) continue;
    parts.push_back({static_cast<int>(IntField(part, "part_number")),
                     StringField(part, "etag")});
  }
  return parts;
}

std::string Relative(const Repository& repository, const std::string& address) {
  return address.substr(repository.storage_namespace().size() + 1);
}

}  // namespace

HttpResponse CreatePresignMultipartUpload(const Call& call) {
  Backend& backend = call.backend;
  if (!call.CanMultipart()) return LakefsError(501, kNotSupported);
  auto repository = backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  if (repository->FindBranch(call.route.branch) == nullptr) {
    return LakefsError(
        404, absl::StrCat("branch '", call.route.branch, "' not found"));
  }
  int parts = 0;
  std::string wanted = call.request.Query("parts");
  if (!wanted.empty() && !absl::SimpleAtoi(wanted, &parts)) parts = -1;
  if (parts < 0 || parts > backend.traits.max_parts) {
    return LakefsError(400, absl::StrCat("parts can be between 0 and ",
                                         backend.traits.max_parts));
  }
  std::string address = call.store().AddressIn(
      repository->storage_namespace(),
      backend.mint.Mint(repository->name(), call.route.branch,
                        call.request.Query("path")));
  std::string id = call.store().CreateUpload(address);
  json reply = {{"upload_id", id}, {"physical_address", address}};
  for (int number = 1; number <= parts; ++number) {
    reply["presigned_urls"].push_back(
        call.store().PresignPart(address, id, number));
  }
  return JsonReply(201, reply);
}

HttpResponse UploadPart(const Call& call) {
  Upload upload = FindUpload(call);
  if (upload.refusal.has_value()) return *upload.refusal;
  int number = 0;
  (void)absl::SimpleAtoi(call.route.part_number, &number);
  return JsonReply(200, {{"presigned_url",
                          call.store().PresignPart(
                              upload.address, call.route.upload_id, number)}});
}

HttpResponse CompletePresignMultipartUpload(const Call& call) {
  Upload upload = FindUpload(call);
  if (upload.refusal.has_value()) return *upload.refusal;
  std::vector<CompletedPart> parts = PartsOf(upload.body);
  if (parts.empty()) return LakefsError(400, "parts are required");
  auto stored =
      call.store().CompleteUpload(upload.address, call.route.upload_id, parts);
  if (!stored.ok()) return LakefsError(500, stored.status().message());
  Entry entry;
  entry.physical_address = upload.address;
  entry.checksum = stored->checksum;
  entry.size_bytes = static_cast<int64_t>(stored->size_bytes);
  entry.mtime = call.backend.NowSeconds();
  entry.metadata = StringMapField(upload.body, "user_metadata");
  entry.content_type = StringField(upload.body, "content_type");
  if (entry.content_type.empty()) {
    entry.content_type = "application/octet-stream";
  }
  std::string path = call.request.Query("path");
  json stats = StatsOf(path, entry);
  // The store has put the object together by now, whatever the branch says.
  if (auto refused = WriteEntry(call, *upload.repository, path,
                                std::make_shared<const Entry>(std::move(entry)),
                                {.race = call.backend.traits.link_race})) {
    return *refused;
  }
  stats["physical_address"] = Relative(*upload.repository, upload.address);
  return JsonReply(200, stats);
}

HttpResponse AbortPresignMultipartUpload(const Call& call) {
  Upload upload = FindUpload(call);
  if (upload.refusal.has_value()) return *upload.refusal;
  call.store().AbortUpload(upload.address, call.route.upload_id);
  HttpResponse reply;
  reply.status = 204;
  return reply;
}

}  // namespace lakefs::gateway::testing
