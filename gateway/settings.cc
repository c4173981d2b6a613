#include "gateway/settings.h"

#include <unistd.h>
#include <yaml-cpp/yaml.h>

#include <filesystem>
#include <functional>
#include <optional>

#include "CLI/CLI.hpp"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"

namespace lakefs::gateway {

const char kVersion[] = LAKEFS_STAGING_VERSION;

namespace {

using Values = std::vector<std::string>;

// Takes the values of one source; an empty result is success, else what is
// wrong with them.
using Parser = std::function<std::string(const Values&, Settings&)>;

enum class From { kAnywhere, kEnvironmentAndFile /* secrets */ };

struct Field {
  std::string name;
  std::string help;
  Parser parse;
  From from = From::kAnywhere;
  // Names that others have for it; the first that is set counts.
  Values other_variables;
};

Parser Text(std::string Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    settings.*member = values.back();
    return "";
  };
}

template <typename T>
Parser Number(T Settings::*member, int64_t least, int64_t most) {
  return [=](const Values& values, Settings& settings) -> std::string {
    int64_t number = 0;
    if (!absl::SimpleAtoi(values.back(), &number) || number < least ||
        number > most) {
      return absl::StrCat("is not a number from ", least, " to ", most);
    }
    settings.*member = static_cast<T>(number);
    return "";
  };
}

Parser Span(std::chrono::milliseconds Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    absl::Duration span;
    if (!absl::ParseDuration(values.back(), &span) ||
        span < absl::ZeroDuration() || span > absl::Hours(24 * 365)) {
      return "is not a span of time such as 500ms, 30s or 1h30m";
    }
    settings.*member = absl::ToChronoMilliseconds(span);
    return "";
  };
}

bool IsHostAndPort(absl::string_view address) {
  const size_t colon = address.rfind(':');
  int port = -1;
  return colon != absl::string_view::npos &&
         absl::SimpleAtoi(address.substr(colon + 1), &port) && port >= 0 &&
         port <= 65535;
}

std::string ParseListen(const Values& values, Settings& settings) {
  settings.listen.clear();
  for (const std::string& value : values) {
    for (absl::string_view address : absl::StrSplit(value, ',')) {
      if (!absl::StartsWith(address, "unix:") && !IsHostAndPort(address)) {
        return "is neither HOST:PORT nor unix:/path";
      }
      settings.listen.emplace_back(address);
    }
  }
  return "";
}

std::string ParseAdminListen(const Values& values, Settings& settings) {
  const std::string& address = values.back();
  if (address != "off" && !IsHostAndPort(address)) {
    return "is neither HOST:PORT nor off";
  }
  settings.admin_listen = address == "off" ? "" : address;
  return "";
}

Parser Url(std::string Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    absl::string_view url = values.back();
    if (!absl::StartsWith(url, "http://") &&
        !absl::StartsWith(url, "https://")) {
      return "is not an http:// or https:// URL";
    }
    if (absl::StrContains(url, "@")) return "must not hold credentials";
    absl::ConsumeSuffix(&url, "/");
    settings.*member = std::string(url);
    return "";
  };
}

Parser Switch(bool Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    return absl::SimpleAtob(values.back(), &(settings.*member))
               ? ""
               : "is neither true nor false";
  };
}

// The folder as lakeFS names it, and "=" and where it is here.
std::string ParseLocalStore(const Values& values, Settings& settings) {
  const std::vector<absl::string_view> folders =
      absl::StrSplit(values.back(), absl::MaxSplits('=', 1));
  for (absl::string_view folder : folders) {
    if (folder.size() < 2 || folder.front() != '/' || folder.back() == '/') {
      return "is not /FOLDER, or /FOLDER=/MOUNT, without a slash at the end";
    }
  }
  settings.local_store = std::string(folders.front());
  settings.local_mount = std::string(folders.back());
  return "";
}

std::string ParseLogLevel(const Values& values, Settings& settings) {
  static const std::map<std::string, LogLevel> levels = {
      {"debug", LogLevel::kDebug},
      {"info", LogLevel::kInfo},
      {"warning", LogLevel::kWarning},
      {"error", LogLevel::kError}};
  const auto level = levels.find(values.back());
  if (level == levels.end()) return "is not debug, info, warning or error";
  settings.log_level = level->second;
  return "";
}

const std::vector<Field>& Fields() {
  static const std::vector<Field> fields = {
      {"listen",
       "Address to serve on: 127.0.0.1:PORT (0: any free port) or unix:/path; "
       "repeatable [127.0.0.1:8765]",
       ParseListen},
      {"admin-listen",
       "HOST:PORT of /metrics, /healthz, /readyz and /quitquitquit, or off "
       "[127.0.0.1:8766]",
       ParseAdminListen},
      {"lakefs-endpoint",
       "URL of lakeFS, such as https://lakefs.example.com",
       Url(&Settings::lakefs_endpoint),
       From::kAnywhere,
       {"LAKECTL_SERVER_ENDPOINT_URL"}},
      {"access-key-id",
       "Access key to lakeFS",
       Text(&Settings::access_key_id),
       From::kEnvironmentAndFile,
       {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID"}},
      {"secret-access-key",
       "Its secret",
       Text(&Settings::secret_access_key),
       From::kEnvironmentAndFile,
       {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"}},
      {"token", "Bearer token to lakeFS, instead of keys",
       Text(&Settings::token), From::kEnvironmentAndFile},
      {"token-file",
       "File with a bearer token to lakeFS; read again when it is refused",
       Text(&Settings::token_file)},
      {"content-md5",
       "Have the store check each PUT by its MD5; three times the CPU [false]",
       Switch(&Settings::content_md5)},
      {"s3-endpoint",
       "S3 for lakeFS without presign, such as http://minio:9000, with keys of "
       "our own [Amazon's]",
       Url(&Settings::s3_endpoint),
       From::kAnywhere,
       {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}},
      {"s3-region",
       "Its region [us-east-1]",
       Text(&Settings::s3_region),
       From::kAnywhere,
       {"AWS_REGION", "AWS_DEFAULT_REGION"}},
      {"s3-access-key-id",
       "Access key to it",
       Text(&Settings::s3_access_key_id),
       From::kEnvironmentAndFile,
       {"AWS_ACCESS_KEY_ID"}},
      {"s3-secret-access-key",
       "Its secret",
       Text(&Settings::s3_secret_access_key),
       From::kEnvironmentAndFile,
       {"AWS_SECRET_ACCESS_KEY"}},
      {"s3-session-token",
       "Session token of temporary keys",
       Text(&Settings::s3_session_token),
       From::kEnvironmentAndFile,
       {"AWS_SESSION_TOKEN"}},
      {"local-store",
       "Folder of lakeFS's local store on a shared volume: /FOLDER, or "
       "/FOLDER=/MOUNT if it is mounted elsewhere here",
       ParseLocalStore},
      {"memory-bytes",
       "Memory for the bytes of all uploads together; without it they wait "
       "[134217728]",
       Number(&Settings::memory_bytes, 16 << 20, int64_t{1} << 40)},
      {"spool-dir",
       "Folder of the temporary files for what one PUT needs whole [$TMPDIR, "
       "or /tmp]",
       Text(&Settings::spool_dir)},
      {"spool-bytes", "Most bytes in these files together [8589934592]",
       Number(&Settings::spool_bytes, 0, int64_t{1} << 50)},
      {"max-uploads", "UploadAndLink calls at a time; more are refused [256]",
       Number(&Settings::max_uploads, 1, 100'000)},
      {"unary-threads", "Unary calls at a time; 1024 more wait [16]",
       Number(&Settings::unary_threads, 1, 1'000)},
      {"unary-timeout", "For unary calls without a deadline [60s]",
       Span(&Settings::unary_timeout)},
      {"upload-timeout", "For uploads without a deadline [6h]",
       Span(&Settings::upload_timeout)},
      {"drain-timeout",
       "How long calls under way may go on after SIGTERM [25s]",
       Span(&Settings::drain_timeout)},
      {"log-level", "debug, info, warning or error [info]", ParseLogLevel},
  };
  return fields;
}

const Field* FindField(absl::string_view name) {
  for (const Field& field : Fields()) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string VariableOf(const Field& field) {
  return absl::StrCat(
      "LAKEFS_STAGING_",
      absl::AsciiStrToUpper(absl::StrReplaceAll(field.name, {{"-", "_"}})));
}

absl::Status Apply(const Field& field, const Values& values,
                   absl::string_view source, Settings& settings) {
  if (values.empty() || values.back().empty()) {
    return absl::InvalidArgumentError(absl::StrCat(source, " is empty"));
  }
  const std::string wrong = field.parse(values, settings);
  if (wrong.empty()) return absl::OkStatus();
  // A secret's value is never shown, nor a URL's that may hold one.
  const bool shown =
      field.from == From::kAnywhere && !absl::StrContains(values.back(), "@");
  const std::string value = shown ? absl::StrCat("=", values.back()) : "";
  return absl::InvalidArgumentError(absl::StrCat(source, value, " ", wrong));
}

absl::StatusOr<YAML::Node> LoadYaml(const std::string& path) {
  try {
    return YAML::LoadFile(path);
  } catch (const YAML::BadFile&) {
    return absl::InvalidArgumentError(absl::StrCat(path, " cannot be read"));
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat(
        path, ":", error.mark.line + 1, " is not YAML: ", error.msg));
  }
}

// A scalar or a list of scalars; nothing if it is neither.
std::optional<Values> ValuesOf(const YAML::Node& node) {
  Values values;
  if (node.IsScalar()) return Values{node.Scalar()};
  if (!node.IsSequence()) return std::nullopt;
  for (const YAML::Node& item : node) {
    if (!item.IsScalar()) return std::nullopt;
    values.push_back(item.Scalar());
  }
  return values;
}

// The file of --config: the names of the flags, at the top level.
absl::Status ApplyConfigFile(const std::string& path, Settings& settings) {
  const auto root = LoadYaml(path);
  if (!root.ok()) return root.status();
  if (!root->IsMap()) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, " is not a map of settings"));
  }
  for (const auto& entry : *root) {
    const std::string name = entry.first.IsScalar() ? entry.first.Scalar() : "";
    const std::string source = absl::StrCat(path, ": ", name);
    const Field* field = FindField(name);
    if (field == nullptr) {
      // What is no name at all may be a secret in the wrong place.
      const bool name_like =
          name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") ==
          std::string::npos;
      const int line = entry.first.Mark().line + 1;
      return absl::InvalidArgumentError(
          absl::StrCat(name_like ? source : absl::StrCat(path, ": line ", line),
                       " is not a setting; see --help"));
    }
    const auto values = ValuesOf(entry.second);
    if (!values) {
      return absl::InvalidArgumentError(
          absl::StrCat(source, " is neither a value nor a list of values"));
    }
    if (auto s = Apply(*field, *values, source, settings); !s.ok()) return s;
  }
  return absl::OkStatus();
}

// lakectl's own file, of which only the endpoint and the keys concern us.
absl::Status ApplyLakectlYaml(const std::string& path, Settings& settings) {
  if (!std::filesystem::exists(path)) return absl::OkStatus();
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
    if (auto s = Apply(*FindField(name), {node.Scalar()},
                       absl::StrCat(path, ": ", section, ".", key), settings);
        !s.ok()) {
      return s;
    }
  }
  return absl::OkStatus();
}

absl::Status ApplyEnvironment(const Environment& environment,
                              Settings& settings) {
  for (const Field& field : Fields()) {
    // The later one wins: our own name last, and before it the first of others.
    Values names(field.other_variables.rbegin(), field.other_variables.rend());
    names.push_back(VariableOf(field));
    for (const std::string& name : names) {
      const auto it = environment.find(name);
      if (it == environment.end() || it->second.empty()) continue;
      if (auto s = Apply(field, {it->second}, name, settings); !s.ok()) {
        return s;
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckComplete(const Settings& settings) {
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
  const bool has_token =
      !settings.token.empty() || !settings.token_file.empty();
  if (!has_token && settings.access_key_id.empty()) {
    return absl::InvalidArgumentError(
        "access-key-id is missing: set LAKECTL_CREDENTIALS_ACCESS_KEY_ID and "
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY, or --token-file");
  }
  if (!has_token && settings.secret_access_key.empty()) {
    return absl::InvalidArgumentError(
        "secret-access-key is missing: set "
        "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY");
  }
  return absl::OkStatus();
}

}  // namespace

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
        ->expected(1)
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
                  "lakectl does.\n");
  app.footer(footer);

  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return CommandLine{.text = app.help()};
  } catch (const CLI::CallForVersion& version) {
    return CommandLine{.text = std::string(version.what()) + "\n"};
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(
        absl::StrReplaceAll(error.what(), {{"\n", " "}}));
  }

  CommandLine line;
  Settings& settings = line.settings;
  const auto home = environment.find("HOME");
  if (home != environment.end()) {
    if (auto s = ApplyLakectlYaml(home->second + "/.lakectl.yaml", settings);
        !s.ok()) {
      return s;
    }
  }
  if (const auto file = environment.find("LAKEFS_STAGING_CONFIG");
      config_file.empty() && file != environment.end()) {
    config_file = file->second;
  }
  if (!config_file.empty()) {
    if (auto s = ApplyConfigFile(config_file, settings); !s.ok()) return s;
  }
  if (auto s = ApplyEnvironment(environment, settings); !s.ok()) return s;
  for (const auto& [name, values] : flags) {
    if (values.empty()) continue;
    if (auto s = Apply(*FindField(name), values, "--" + name, settings);
        !s.ok()) {
      return s;
    }
  }
  if (auto s = CheckComplete(settings); !s.ok()) return s;
  return line;
}

}  // namespace lakefs::gateway
