#include "gateway/lakefs/json.h"

#include <algorithm>
#include <utility>

#include "nlohmann/json.hpp"

namespace lakefs::gateway {
namespace {

using nlohmann::json;

json Parse(absl::string_view text) {
  return json::parse(text.begin(), text.end(), nullptr, false);
}

// Null and absent are the same.
const json* Find(const json& object, const char* name) {
  const auto it = object.find(name);
  return it == object.end() || it->is_null() ? nullptr : &*it;
}

// The field as a string into `out`; false if it has another type.
bool Get(const json& object, const char* name,
         std::optional<std::string>& out) {
  const json* field = Find(object, name);
  if (field == nullptr) return true;
  if (!field->is_string()) return false;
  out = field->get<std::string>();
  return true;
}

bool Get(const json& object, const char* name, std::optional<int64_t>& out) {
  const json* field = Find(object, name);
  if (field == nullptr) return true;
  if (!field->is_number_integer()) return false;
  out = field->get<int64_t>();
  return true;
}

bool Get(const json& object, const char* name, UserMetadata& out) {
  const json* field = Find(object, name);
  if (field == nullptr) return true;
  if (!field->is_object()) return false;
  for (const auto& [key, value] : field->items()) {
    if (!value.is_string()) return false;
    out[key] = value.get<std::string>();
  }
  return true;
}

std::optional<bool> GetBool(const json& object, const char* name) {
  const json* field = Find(object, name);
  if (field == nullptr || !field->is_boolean()) return std::nullopt;
  return field->get<bool>();
}

// The storage keys of both forms of the configuration.
ServerConfig StorageConfig(const json& storage) {
  ServerConfig config;
  std::optional<std::string> type;
  Get(storage, "blockstore_type", type);
  config.blockstore_type = type.value_or("");
  std::optional<std::string> id;
  Get(storage, "blockstore_id", id);
  config.blockstore_id = id.value_or("");
  config.pre_sign_support = GetBool(storage, "pre_sign_support");
  config.pre_sign_multipart_upload =
      GetBool(storage, "pre_sign_multipart_upload");
  return config;
}

std::string Version(const json& object) {
  std::optional<std::string> version;
  if (object.is_object()) Get(object, "version", version);
  return version.value_or("");
}

std::string Dump(const json& body) {
  return body.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace

std::optional<StagingLocation> ParseStagingLocation(absl::string_view text) {
  const json body = Parse(text);
  if (!body.is_object()) return std::nullopt;
  StagingLocation location;
  std::optional<std::string> address;
  std::optional<int64_t> expiry;
  if (!Get(body, "physical_address", address) || !address || address->empty() ||
      !Get(body, "token", location.token) ||
      !Get(body, "presigned_url", location.presigned_url) ||
      !Get(body, "presigned_url_expiry", expiry)) {
    return std::nullopt;
  }
  location.physical_address = *std::move(address);
  if (expiry) location.presigned_url_expiry = FromEpochSeconds(*expiry);
  return location;
}

std::optional<ObjectStats> ParseObjectStats(absl::string_view text) {
  const json body = Parse(text);
  if (!body.is_object()) return std::nullopt;
  std::optional<std::string> path, address, checksum, content_type;
  std::optional<int64_t> mtime;
  ObjectStats stats;
  // v0.66 sends no physical_address, so its absence is no error.
  if (!Get(body, "path", path) || !path ||
      !Get(body, "physical_address", address) ||
      !Get(body, "checksum", checksum) || !checksum ||
      !Get(body, "mtime", mtime) || !mtime ||
      !Get(body, "size_bytes", stats.size_bytes) ||
      !Get(body, "metadata", stats.user_metadata) ||
      !Get(body, "content_type", content_type)) {
    return std::nullopt;
  }
  stats.path = *std::move(path);
  stats.physical_address = std::move(address).value_or("");
  stats.checksum = *std::move(checksum);
  stats.mtime = *mtime;
  stats.content_type = std::move(content_type).value_or("");
  return stats;
}

std::optional<MultipartUpload> ParseMultipartUpload(absl::string_view text) {
  const json body = Parse(text);
  if (!body.is_object()) return std::nullopt;
  std::optional<std::string> id, address;
  if (!Get(body, "upload_id", id) || !id || id->empty() ||
      !Get(body, "physical_address", address) || !address || address->empty()) {
    return std::nullopt;
  }
  MultipartUpload upload{.upload_id = *std::move(id),
                         .physical_address = *std::move(address)};
  if (const json* urls = Find(body, "presigned_urls")) {
    if (!urls->is_array()) return std::nullopt;
    for (const json& url : *urls) {
      if (!url.is_string()) return std::nullopt;
      upload.presigned_urls.push_back(url.get<std::string>());
    }
  }
  return upload;
}

std::optional<std::string> ParsePresignedUrl(absl::string_view text) {
  const json body = Parse(text);
  std::optional<std::string> url;
  if (!body.is_object() || !Get(body, "presigned_url", url)) {
    return std::nullopt;
  }
  return url;
}

std::optional<ServerConfigs> ParseConfig(absl::string_view text) {
  const json body = Parse(text);
  if (!body.is_object()) return std::nullopt;
  const json* version = Find(body, "version_config");
  const json* list = Find(body, "storage_config_list");
  const auto of_store = [&](const json& storage) {
    ServerConfig config = StorageConfig(storage);
    if (version != nullptr) config.version = Version(*version);
    config.has_storage_list = list != nullptr;
    return config;
  };
  ServerConfigs configs;
  const json* storage = Find(body, "storage_config");
  if (storage != nullptr && storage->is_object()) {
    configs.usual = of_store(*storage);
  }
  if (list != nullptr && list->is_array()) {
    for (const json& storage : *list) {
      if (storage.is_object()) configs.listed.push_back(of_store(storage));
    }
  }
  if (!configs.usual && configs.listed.empty()) return std::nullopt;
  return configs;
}

std::optional<ServerConfig> ParseStorageConfig(absl::string_view storage,
                                               absl::string_view version) {
  const json body = Parse(storage);
  if (!body.is_object()) return std::nullopt;
  ServerConfig config = StorageConfig(body);
  config.version = Version(Parse(version));
  return config;
}

std::optional<Repository> ParseRepository(absl::string_view text) {
  const json body = Parse(text);
  std::optional<std::string> name;
  if (!body.is_object() || !Get(body, "storage_namespace", name) || !name) {
    return std::nullopt;
  }
  std::optional<std::string> storage_id;
  Get(body, "storage_id", storage_id);
  return Repository{.storage_namespace = *std::move(name),
                    .storage_id = storage_id.value_or(""),
                    .read_only = GetBool(body, "read_only").value_or(false)};
}

std::optional<LoginAnswer> ParseLogin(absl::string_view text) {
  const json reply = Parse(text);
  std::optional<std::string> token;
  std::optional<int64_t> expiration;
  if (!reply.is_object() || !Get(reply, "token", token) ||
      !Get(reply, "token_expiration", expiration) || !token || token->empty()) {
    return std::nullopt;
  }
  LoginAnswer answer{.token = *std::move(token)};
  if (expiration) {
    answer.expiration = FromEpochSeconds(*expiration);
  }
  return answer;
}

std::string LoginToJson(const std::string& access_key_id,
                        const std::string& secret_access_key) {
  return json{{"access_key_id", access_key_id},
              {"secret_access_key", secret_access_key}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string ToJson(const StagingMetadata& metadata) {
  const StagingLocation& staging = metadata.staging;
  json location = {{"physical_address", staging.physical_address}};
  if (staging.token) location["token"] = *staging.token;
  if (staging.presigned_url) location["presigned_url"] = *staging.presigned_url;
  if (staging.presigned_url_expiry) {
    location["presigned_url_expiry"] =
        EpochSeconds(*staging.presigned_url_expiry);
  }
  json body = {{"staging", std::move(location)},
               {"checksum", metadata.checksum},
               {"size_bytes", metadata.size_bytes}};
  if (!metadata.user_metadata.empty()) {
    body["user_metadata"] = metadata.user_metadata;
  }
  if (!metadata.content_type.empty()) {
    body["content_type"] = metadata.content_type;
  }
  if (metadata.mtime) body["mtime"] = EpochSeconds(*metadata.mtime);
  if (metadata.force) body["force"] = true;
  return Dump(body);
}

std::string ToJson(const MultipartUpload& upload,
                   std::span<const StoredPart> parts,
                   const UserMetadata& user_metadata,
                   const std::string& content_type) {
  json list = json::array();
  for (const StoredPart& part : parts) {
    list.push_back({{"part_number", part.number}, {"etag", part.etag}});
  }
  json body = {{"physical_address", upload.physical_address},
               {"parts", std::move(list)}};
  if (!user_metadata.empty()) body["user_metadata"] = user_metadata;
  if (!content_type.empty()) body["content_type"] = content_type;
  return Dump(body);
}

std::string AddressToJson(const MultipartUpload& upload) {
  return Dump({{"physical_address", upload.physical_address}});
}

}  // namespace lakefs::gateway
