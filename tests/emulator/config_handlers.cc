// What lakeFS says of itself, and login.
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/emulator/json_fields.h"
#include "tests/emulator/lakefs_reply.h"
#include "tests/emulator/repository_handlers.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

// Newer releases say more; what a client must know stands in the traits.
json StorageConfig(const Backend& backend, const Backend::Store& store) {
  const DialectTraits& traits = backend.traits;
  std::string example = store.objects.NamespaceOf("example");
  std::string regex =
      absl::StrCat("^", example.substr(0, example.find("//") + 2));
  json config = {{"blockstore_type", std::string(store.objects.type())},
                 {"blockstore_namespace_example", example},
                 {"blockstore_namespace_ValidityRegex", regex},
                 {"default_namespace_prefix", ""}};
  if (traits.has_presign) {
    config["import_support"] = true;
    config["pre_sign_support"] = backend.CanPresign(store);
    config[traits.has_config ? "pre_sign_support_ui" : "pre_sign_support_UI"] =
        !traits.has_config && backend.CanPresign(store);
  }
  if (traits.has_multipart) {
    config["import_validity_regex"] = regex;
    config["pre_sign_multipart_upload"] = backend.CanMultipart(store);
  }
  if (traits.has_part_urls) {
    config["blockstore_description"] = "";
    config["blockstore_id"] = store.id;
  }
  return config;
}

json VersionConfig(const Backend& backend) {
  const std::string& given = backend.options.version;
  json config = {
      {"version", given.empty() ? std::string(backend.traits.version) : given}};
  if (backend.traits.has_part_urls) config["version_context"] = "lakeFS";
  return config;
}

}  // namespace

HttpResponse GetConfig(const Call& call) {
  const Backend& backend = call.backend;
  json config = {{"version_config", VersionConfig(backend)}};
  const bool several = backend.stores.size() > 1;
  if (!several) {
    config["storage_config"] = StorageConfig(backend, backend.stores.front());
  }
  if (backend.traits.has_part_urls) {
    config["capabilities_config"] = json::object();
    json& list = config["storage_config_list"] = json::array();
    if (several) {
      for (const Backend::Store& store : backend.stores) {
        list.push_back(StorageConfig(backend, store));
      }
    }
    config["ui_config"] = json::object();
  }
  return JsonReply(200, config);
}

HttpResponse GetStorageConfig(const Call& call) {
  return JsonReply(200,
                   StorageConfig(call.backend, call.backend.stores.front()));
}

HttpResponse GetLakeFSVersion(const Call& call) {
  return JsonReply(200, VersionConfig(call.backend));
}

HttpResponse Login(const Call& call) {
  json body = json::parse(call.request.body, nullptr, false);
  std::optional<Session> session =
      call.backend.authenticator.Login(StringField(body, "access_key_id"),
                                       StringField(body, "secret_access_key"));
  if (!session.has_value()) {
    if (call.backend.traits.terse_login_refusal) {
      return JsonReply(401, "Unauthorized");
    }
    return LakefsError(401, "error authenticating request");
  }
  json reply = {{"token", session->token}};
  if (call.backend.traits.has_login_expiry) {
    reply["token_expiration"] = session->expiration;
  }
  HttpResponse response = JsonReply(200, reply);
  response.headers["Set-Cookie"] = session->set_cookie;
  return response;
}

}  // namespace lakefs::gateway::testing
