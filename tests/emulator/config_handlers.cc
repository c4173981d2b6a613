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

json StorageConfig(const Backend& backend) {
  std::string example = backend.store.NamespaceOf("example");
  std::string scheme = example.substr(0, example.find("//") + 2);
  json config = {
      {"blockstore_type", std::string(backend.store.type())},
      {"blockstore_namespace_example", example},
      {"blockstore_namespace_ValidityRegex", absl::StrCat("^", scheme)},
      {"import_support", false}};
  if (backend.traits.has_presign) {
    config["pre_sign_support"] = backend.CanPresign();
    config["pre_sign_support_ui"] = false;
  }
  if (backend.traits.has_multipart) {
    config["pre_sign_multipart_upload"] = backend.CanMultipart();
  }
  return config;
}

json VersionConfig(const Backend& backend) {
  return {{"version", std::string(backend.traits.version)}};
}

}  // namespace

HttpResponse GetConfig(const Call& call) {
  return JsonReply(200, {{"storage_config", StorageConfig(call.backend)},
                         {"version_config", VersionConfig(call.backend)}});
}

HttpResponse GetStorageConfig(const Call& call) {
  return JsonReply(200, StorageConfig(call.backend));
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
    return LakefsError(401, "error authenticating request");
  }
  json reply = {{"token", session->token}};
  if (call.backend.traits.login_expiry) {
    reply["token_expiration"] = session->expiration;
  }
  HttpResponse response = JsonReply(200, reply);
  response.headers["Set-Cookie"] = session->set_cookie;
  return response;
}

}  // namespace lakefs::gateway::testing
