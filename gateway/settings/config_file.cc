#include "gateway/settings/config_file.h"

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <optional>
#include <tuple>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gateway/base/secret_file.h"
#include "gateway/settings/settings_fields.h"

namespace lakefs::gateway {
namespace {

absl::StatusOr<YAML::Node> LoadYaml(const std::string& path) {
  const auto text = ReadFile(path);
  if (!text.ok()) return text.status();
  try {
    return YAML::Load(*text);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ":", error.mark.line + 1, " is not YAML: ", error.msg));
  }
}

// A scalar or a list of scalars; nothing if it is neither.
std::optional<Values> ValuesOf(const YAML::Node& node) {
  Values values;
  if (node.IsScalar()) return Values{Trimmed(node.Scalar())};
  if (!node.IsSequence()) return std::nullopt;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return std::nullopt;
    values.push_back(Trimmed(item.Scalar()));
  }
  return values;
}

// The name of an entry of a map of settings; empty if it cannot be one.
std::string NameOf(const YAML::Node& key) {
  return key.IsScalar() ? key.Scalar() : "";
}

// Where an entry stands, for messages. What is no name at all may be a secret
// in the wrong place.
std::string SourceOf(const std::string& path, const YAML::Node& key) {
  const std::string name = NameOf(key);
  const bool name_like =
      name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") ==
      std::string::npos;
  return name_like && !name.empty()
             ? absl::StrCat(path, ": ", name)
             : absl::StrCat(path, ": line ", key.Mark().line + 1);
}

absl::Status ApplyNode(const Field& field, const YAML::Node& node,
                       const std::string& path, const std::string& source,
                       Settings& settings) {
  const auto values = ValuesOf(node);
  if (!values) {
    return absl::InvalidArgumentError(
        absl::StrCat(source, " is neither a value nor a list of values"));
  }
  if (field.from != From::kAnywhere) {
    if (auto s = CheckSecretFile(path); !s.ok()) return s;
  }
  return Apply(field, *values, source, settings);
}

// One of `stores`: its id, and those settings that lead to a store.
absl::Status ApplyStore(const YAML::Node& store, const std::string& path,
                        Settings& settings) {
  const std::string stores =
      absl::StrCat(path, ": stores, line ", store.Mark().line + 1);
  if (!store.IsMap() || !store["id"] || !store["id"].IsScalar() ||
      store["id"].Scalar().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        stores, " has no id, which is the blockstore_id that lakeFS tells"));
  }
  const std::string id = store["id"].Scalar();
  Settings own;  // of it, only what leads to a store can be set
  for (const auto& entry : store) {
    const std::string name = NameOf(entry.first);
    if (name == "id") continue;
    const Field* field = FindField(name);
    if (field == nullptr || !LeadsToStore(*field)) {
      return absl::InvalidArgumentError(absl::StrCat(
          SourceOf(path, entry.first),
          " is not a setting of a store, as s3-endpoint or local-store"));
    }
    const std::string source = absl::StrCat(stores, ": ", name);
    if (auto s = ApplyNode(*field, entry.second, path, source, own); !s.ok()) {
      return s;
    }
  }
  if (!settings.stores.emplace(id, own).second) {
    return absl::InvalidArgumentError(
        absl::StrCat(stores, " has the id of another one"));
  }
  return absl::OkStatus();
}

absl::Status ApplyStores(const YAML::Node& stores, const std::string& path,
                         Settings& settings) {
  if (!stores.IsSequence()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": stores is not a list"));
  }
  for (const YAML::Node& store : stores) {
    if (auto s = ApplyStore(store, path, settings); !s.ok()) return s;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ApplyConfigFile(const std::string& path, Settings& settings) {
  const auto root = LoadYaml(path);
  if (!root.ok()) return root.status();
  if (root->IsNull()) return absl::OkStatus();  // all of it is commented out
  if (!root->IsMap()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a map of settings"));
  }
  for (const auto& entry : *root) {
    const std::string source = SourceOf(path, entry.first);
    absl::Status applied;
    if (NameOf(entry.first) == "stores") {
      applied = ApplyStores(entry.second, path, settings);
    } else if (const Field* field = FindField(NameOf(entry.first))) {
      applied = ApplyNode(*field, entry.second, path, source, settings);
    } else {
      applied = absl::InvalidArgumentError(
          absl::StrCat(source, " is not a setting; see --help"));
    }
    if (!applied.ok()) return applied;
  }
  return absl::OkStatus();
}

absl::Status ApplyLakectlYaml(const std::string& path, Settings& settings) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return absl::OkStatus();
  }
  const auto root = LoadYaml(path);
  if (!root.ok()) return root.status();
  const std::vector<std::tuple<const char*, const char*, const char*>> known = {
      {"server", "endpoint_url", "lakefs-endpoint"},
      {"credentials", "access_key_id", "access-key-id"},
      {"credentials", "secret_access_key", "secret-access-key"}};
  for (const auto& [section, key, name] : known) {
    if (!root->IsMap() || !(*root)[section] || !(*root)[section].IsMap()) {
      continue;
    }
    const YAML::Node node = (*root)[section][key];
    if (!node || !node.IsScalar()) continue;
    if (auto s = Apply(*FindField(name), {Trimmed(node.Scalar())},
                       absl::StrCat(path, ": ", section, ".", key), settings);
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

}  // namespace lakefs::gateway
