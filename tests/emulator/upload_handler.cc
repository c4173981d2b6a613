// Writing an object through lakeFS: POST objects.
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulator/branch_writer.h"
#include "tests/emulator/lakefs_reply.h"
#include "tests/emulator/media_type.h"
#include "tests/emulator/object_handlers.h"
#include "tests/emulator/staging_handlers.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kMetadataPrefix = "x-lakefs-meta-";
constexpr absl::string_view kInternalPrefix = "x-lakefs-internal-";

// The object in an upload's body, or the refusal of a body that has none.
struct Upload {
  Content content;
  std::string type;
  std::optional<HttpResponse> refusal;
};

Upload UploadIn(const Call& call) {
  const DialectTraits& traits = call.backend.traits;
  std::string type = call.request.Header("content-type");
  if (absl::StartsWith(type, "multipart/form-data")) {
    const std::optional<FormField>& field = call.request.form;
    if (field.has_value() && (field->has_filename || !traits.needs_filename)) {
      return {std::move(call.request.content), field->content_type,
              std::nullopt};
    }
    return {{},
            "",
            LakefsError(500, absl::StrCat("multipart upload",
                                          traits.needs_filename ? "s" : "",
                                          " missing key 'content': http: no "
                                          "such file"))};
  }
  if (!traits.uploads_octet_stream) {
    return {{},
            "",
            LakefsError(500, "request Content-Type isn't multipart/form-data")};
  }
  if (type.empty()) type = "application/octet-stream";
  const absl::Status parsed = CheckMediaType(type);
  if (!parsed.ok()) return {{}, "", LakefsError(500, parsed.message())};
  return {std::move(call.request.content), type, std::nullopt};
}

// The condition of an upload, which all dialects know. Returns the refusal of
// what they don't do.
std::optional<HttpResponse> ReadUploadCondition(const Call& call,
                                                EntryCondition& condition) {
  if (call.backend.traits.has_condition) return ReadCondition(call, condition);
  condition.if_absent = call.request.Header("if-none-match") == "*";
  return std::nullopt;
}

std::map<std::string, std::string> MetadataOf(const HttpRequest& request) {
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : request.headers) {
    absl::string_view key = name;
    if (absl::ConsumePrefix(&key, kMetadataPrefix)) {
      metadata[std::string(key)] = value;
    } else if (absl::ConsumePrefix(&key, kInternalPrefix)) {
      metadata[absl::StrCat("::lakefs::", key)] = value;
    }
  }
  return metadata;
}

}  // namespace

HttpResponse UploadObjectPreflight(const Call& call) {
  auto repository = call.backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  HttpResponse reply;
  reply.status = 204;
  return reply;
}

HttpResponse UploadObject(const Call& call) {
  Backend& backend = call.backend;
  auto repository = backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  auto branch = repository->FindBranch(call.route.branch);
  if (auto refused = RefuseBranchName(call, "name")) return *refused;
  if (branch == nullptr) {
    return LakefsError(
        404, absl::StrCat("branch '", call.route.branch, "' not found"));
  }
  WriteOptions options;
  options.exists_message = "path already exists";
  options.force = call.request.Query("force") == "true";
  if (auto refused = ReadUploadCondition(call, options.condition)) {
    return *refused;
  }
  std::string path = call.request.Query("path");
  if (!options.condition.Holds(branch->Find(path))) {
    return LakefsError(412, options.exists_message);
  }
  if (backend.traits.upload_condition == UploadCondition::kLooksFirst) {
    options.condition = {};
  }
  options.race = backend.traits.upload_race;
  options.skips = backend.traits.skips_creates;
  options.exact = backend.traits.upload_condition == UploadCondition::kExact;
  Upload upload = UploadIn(call);
  if (upload.refusal.has_value()) return *upload.refusal;
  Entry entry;
  entry.physical_address = call.store().AddressIn(
      repository->storage_namespace(), backend.mint.MintPlain());
  StoredObject stored = call.store().Put(
      entry.physical_address, std::move(upload.content), upload.type);
  entry.checksum = stored.checksum;
  entry.size_bytes = static_cast<int64_t>(stored.size_bytes);
  entry.content_type = upload.type;
  entry.has_metadata = backend.traits.keeps_upload_metadata;
  if (entry.has_metadata) entry.metadata = MetadataOf(call.request);
  entry.mtime = backend.NowSeconds();
  auto stats = StatsOf(path, entry);
  if (auto refused = WriteEntry(call, *repository, path,
                                std::make_shared<const Entry>(std::move(entry)),
                                options)) {
    return *refused;
  }
  return JsonReply(201, stats);
}

}  // namespace lakefs::gateway::testing
