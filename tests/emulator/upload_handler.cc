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
#include "tests/emulator/form_data.h"
#include "tests/emulator/lakefs_reply.h"
#include "tests/emulator/object_handlers.h"
#include "tests/emulator/staging_handlers.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kMetadataPrefix = "x-lakefs-meta-";

// The object in an upload's body.
struct Content {
  std::string bytes;
  std::string type;
};

// nullopt: a form without the field `content`.
std::optional<Content> ContentOf(const Call& call) {
  std::string type = call.request.Header("content-type");
  if (absl::StartsWith(type, "multipart/form-data")) {
    std::optional<FormField> field =
        FindFormField(type, call.request.body, "content");
    if (!field.has_value()) return std::nullopt;
    return Content{std::move(field->bytes), field->content_type};
  }
  if (!call.backend.traits.uploads_octet_stream) return std::nullopt;
  if (type.empty()) type = "application/octet-stream";
  return Content{std::move(call.request.body), type};
}

std::map<std::string, std::string> MetadataOf(const HttpRequest& request) {
  std::map<std::string, std::string> metadata;
  for (const auto& [name, value] : request.headers) {
    absl::string_view key = name;
    if (absl::ConsumePrefix(&key, kMetadataPrefix)) {
      metadata[std::string(key)] = value;
    }
  }
  return metadata;
}

}  // namespace

HttpResponse UploadObject(const Call& call) {
  Backend& backend = call.backend;
  auto repository = backend.catalog.Find(call.route.repository);
  if (repository == nullptr) return LakefsError(404, "repository not found");
  auto branch = repository->FindBranch(call.route.branch);
  if (branch == nullptr) {
    return LakefsError(
        404, absl::StrCat("branch '", call.route.branch, "' not found"));
  }
  WriteOptions options;
  options.exists_message = "path already exists";
  options.force = call.request.Query("force") == "true";
  if (auto refused = ReadCondition(call, options.if_absent)) return *refused;
  std::string path = call.request.Query("path");
  if (options.if_absent && branch->Find(path) != nullptr) {
    return LakefsError(412, options.exists_message);
  }
  std::optional<Content> content = ContentOf(call);
  if (!content.has_value()) {
    return LakefsError(
        500, "multipart upload missing key 'content': http: no such file");
  }
  Entry entry;
  entry.physical_address = backend.store.AddressIn(
      repository->storage_namespace(), backend.mint.MintPlain());
  StoredObject stored = backend.store.Put(
      entry.physical_address, std::move(content->bytes), content->type);
  entry.checksum = stored.checksum;
  entry.size_bytes = static_cast<int64_t>(stored.size_bytes);
  entry.content_type = content->type;
  entry.metadata = MetadataOf(call.request);
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
