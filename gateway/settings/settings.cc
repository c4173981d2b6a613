#include "gateway/settings/settings.h"

#include <unistd.h>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gateway/base/excerpt.h"
#include "gateway/base/secret_file.h"
#include "gateway/settings/config_file.h"
#include "gateway/settings/settings_fields.h"

namespace lakefs::gateway {

const char kVersion[] = LAKEFS_STAGING_VERSION;

namespace {

absl::Status ApplyEnvironment(const Environment& environment,
                              Settings& settings) {
  for (const Field& field : Fields()) {
    // The later one wins: our own name last, and before it the first of others.
    Values names(field.other_variables.rbegin(), field.other_variables.rend());
    names.push_back(VariableOf(field));
    for (const std::string& name : names) {
      const auto it = environment.find(name);
      if (it == environment.end() || it->second.empty()) continue;
      if (auto s = Apply(field, {Trimmed(it->second)}, name, settings);
          !s.ok()) {
        return s;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckComplete(Settings& settings) {
  if (settings.lakefs_endpoint.empty()) {
    return absl::InvalidArgumentError(
        "lakefs-endpoint is missing: set LAKECTL_SERVER_ENDPOINT_URL or "
        "--lakefs-endpoint, or write ~/.lakectl.yaml");
  }
  if (!settings.s3_access_key_id.empty() &&
      settings.s3_secret_access_key.empty()) {
    return absl::InvalidArgumentError(
        "s3-secret-access-key is missing: set AWS_SECRET_ACCESS_KEY beside "
        "AWS_ACCESS_KEY_ID, or neither");
  }
  for (const auto& [id, store] : settings.stores) {
    if (store.s3_access_key_id.empty() == store.s3_secret_access_key.empty()) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("of the store ", Excerpt(id, 128),
                     ", s3-access-key-id or s3-secret-access-key is missing: "
                     "set both, or neither"));
  }
  const bool has_token =
      !settings.token.empty() || !settings.token_file.empty();
  if (settings.auth == AuthMode::kUnset) {
    settings.auth = has_token ? AuthMode::kToken : AuthMode::kKeys;
  }
  if (settings.auth == AuthMode::kPassThrough) return absl::OkStatus();
  if (settings.auth == AuthMode::kToken) {
    if (has_token) return absl::OkStatus();
    return absl::InvalidArgumentError(
        "token is missing: set LAKEFS_STAGING_TOKEN or --token-file");
  }
  if (!settings.credentials_file.empty()) return absl::OkStatus();
  if (settings.access_key_id.empty()) {
    return absl::InvalidArgumentError(
        "access-key-id is missing: set LAKECTL_CREDENTIALS_ACCESS_KEY_ID and "
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or --credentials-file or "
        "--token-file");
  }
  if (settings.secret_access_key.empty()) {
    return absl::InvalidArgumentError(
        "secret-access-key is missing: set "
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY");
  }
  return absl::OkStatus();
}

// Whether the keys of the settings are what lakeFS gets.
bool UsesKeys(const Settings& settings) {
  return settings.auth != AuthMode::kPassThrough &&
         settings.auth != AuthMode::kToken && settings.credentials_file.empty();
}

// lakectl makes its file open to all where the umask does not forbid it.
absl::Status CheckLakectlFile(const std::string& path) {
  const absl::Status status = CheckSecretFile(path);
  if (status.ok()) return status;
  return absl::InvalidArgumentError(
      absl::StrCat(status.message(), "; chmod 600 ", path));
}

// Settings that only make sense together.
absl::Status CheckPairs(const Settings& settings) {
  const std::tuple<const std::string&, const char*, const std::string&,
                   const char*>
      pairs[] = {{settings.tls_cert, "tls-cert", settings.tls_key, "tls-key"},
                 {settings.client_cert, "client-cert", settings.client_key,
                  "client-key"}};
  for (const auto& [one, one_name, other, other_name] : pairs) {
    if (one.empty() == other.empty()) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        one.empty() ? one_name : other_name, " is missing: ", one_name, " and ",
        other_name, " go together"));
  }
  if (!settings.tls_client_ca.empty() && settings.tls_cert.empty()) {
    return absl::InvalidArgumentError(
        "tls-cert is missing: tls-client-ca needs tls-cert and tls-key");
  }
  return absl::OkStatus();
}

// "--NAME" of "--NAME=VALUE", and nothing of what is no flag: either may be a
// secret in the wrong place.
std::string NameOf(absl::string_view argument) {
  if (!absl::StartsWith(argument, "-")) return "";
  return std::string(argument.substr(0, argument.find('=')));
}

// Whoever lists processes sees a command line; the message at least repeats
// nothing of it.
absl::Status CheckNoSecrets(int argc, const char* const* argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string name = NameOf(argv[i]);
    const Field* field =
        FindField(absl::StripPrefix(absl::StripPrefix(name, "-"), "-"));
    if (field == nullptr || field->from == From::kAnywhere) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        name, " is no flag, since it is secret: set ", VariableOf(*field)));
  }
  return absl::OkStatus();
}

absl::Status NoFlags(const std::vector<std::string>& arguments) {
  std::string names;
  for (const std::string& argument : arguments) {
    const std::string name = NameOf(argument);
    if (!name.empty()) absl::StrAppend(&names, names.empty() ? "" : ", ", name);
  }
  return absl::InvalidArgumentError(absl::StrCat(
      names.empty() ? "there is an argument that belongs to no flag"
                    : absl::StrCat(names, " is not a flag"),
      "; see --help"));
}

}  // namespace

std::vector<std::string> LocalRoots(const Settings& settings) {
  std::vector<std::string> roots;
  if (!settings.local_store.empty()) roots.push_back(settings.local_store);
  for (const auto& [id, store] : settings.stores) {
    if (!store.local_store.empty()) roots.push_back(store.local_store);
  }
  return roots;
}

Environment ProcessEnvironment() {
  Environment environment;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const size_t equals = text.find('=');
    if (equals == absl::string_view::npos) continue;
    environment.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return environment;
}

absl::StatusOr<CommandLine> ReadSettings(int argc, const char* const* argv,
                                         const Environment& environment) {
  CLI::App app(
      "Puts objects into the store behind a lakeFS repository and links them, "
      "for callers of the gRPC service lakefs.staging.v1.Staging.",
      "lakefs-staging-gateway");
  app.set_version_flag("--version",
                       absl::StrCat("lakefs-staging-gateway ", kVersion));
  std::string config_file;
  app.add_option("--config", config_file,
                 "YAML file of settings, by the names of the flags");
  std::map<std::string, Values> flags;
  for (const Field& field : Fields()) {
    if (field.from != From::kAnywhere) continue;
    app.add_option("--" + field.name, flags[field.name], field.help)
        ->expected(field.is_switch ? 0 : 1, 1)
        ->take_all();
  }
  std::string footer =
      "\nEach flag is also a variable, LAKEFS_STAGING_ and its name in "
      "capitals, and a\nline of the --config file. By variable or file only, "
      "since they are secret:\n";
  for (const Field& field : Fields()) {
    if (field.from == From::kAnywhere) continue;
    absl::StrAppend(&footer, "  ", VariableOf(field));
    for (const std::string& name : field.other_variables) {
      absl::StrAppend(&footer, ", ", name);
    }
    absl::StrAppend(&footer, "\n");
  }
  absl::StrAppend(&footer,
                  "LAKECTL_SERVER_ENDPOINT_URL and ~/.lakectl.yaml are read as "
                  "lakectl does.\n\n"
                  "Of a lakeFS with several stores, the --config file may list "
                  "as `stores` those\nthat do not go by the settings above: "
                  "each with its `id`, which lakeFS calls\nblockstore_id, and "
                  "what leads to it of s3-... and local-store.\n");
  app.footer(footer);

  if (auto s = CheckNoSecrets(argc, argv); !s.ok()) return s;
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return CommandLine{.text = app.help()};
  } catch (const CLI::CallForVersion& version) {
    return CommandLine{.text = std::string(version.what()) + "\n"};
  } catch (const CLI::ExtrasError&) {
    return NoFlags(app.remaining());
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        absl::StrReplaceAll(error.what(), {{"\n", " "}}));
  }

  CommandLine line;
  Settings& settings = line.settings;
  std::string lakectl_file;
  absl::Status lakectl;  // wrong only for who needs it
  const auto home = environment.find("HOME");
  if (home != environment.end()) {
    lakectl_file = home->second + "/.lakectl.yaml";
    lakectl = ApplyLakectlYaml(lakectl_file, settings);
  }
  const std::string lakectl_secret = settings.secret_access_key;
  if (const auto file = environment.find("LAKEFS_STAGING_CONFIG");
      config_file.empty() && file != environment.end()) {
    config_file = Trimmed(file->second);
  }
  if (!config_file.empty()) {
    if (auto s = ApplyConfigFile(config_file, settings); !s.ok()) return s;
  }
  if (auto s = ApplyEnvironment(environment, settings); !s.ok()) return s;
  for (auto& [name, values] : flags) {
    const Field& field = *FindField(name);
    if (field.is_switch && app.count("--" + name) > 0 &&
        (values.empty() || values.back().empty())) {
      values = {"true"};
    }
    if (values.empty()) continue;
    if (auto s = Apply(field, values, "--" + name, settings); !s.ok()) {
      return s;
    }
  }
  if (auto s = CheckComplete(settings); !s.ok()) {
    return lakectl.ok() ? s : lakectl;
  }
  line.warning = std::string(lakectl.message());
  if (auto s = CheckPairs(settings); !s.ok()) return s;
  if (UsesKeys(settings) && settings.secret_access_key == lakectl_secret) {
    if (auto s = CheckLakectlFile(lakectl_file); !s.ok()) return s;
  }
  return line;
}

}  // namespace lakefs::gateway
