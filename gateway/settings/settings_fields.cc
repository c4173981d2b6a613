#include "gateway/settings/settings_fields.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "gateway/base/excerpt.h"

namespace lakefs::gateway {
namespace {

Parser Text(std::string Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    settings.*member = values.back();
    return "";
  };
}

bool IsOneWord(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
}

// Keys and tokens, which go into a header.
Parser Word(std::string Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    if (!IsOneWord(values.back())) {
      return "is not one word: it has blanks, line ends, or what is no ASCII";
    }
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

// What is wrong with a URL of a server; empty if nothing is.
std::string WrongWith(absl::string_view url) {
  absl::string_view rest = url;
  if (!absl::ConsumePrefix(&rest, "http://") &&
      !absl::ConsumePrefix(&rest, "https://")) {
    return "is not an http:// or https:// URL";
  }
  if (absl::StrContains(url, "@")) return "must not hold credentials";
  if (!IsOneWord(url) || rest.find_first_of("?#\\\"<>") != rest.npos) {
    return "is not the URL of a server: it has blanks, a query, or what no URL "
           "may have";
  }
  absl::string_view host = rest.substr(0, rest.find('/'));
  const size_t colon = host.rfind(':');
  const bool has_port =
      colon != host.npos && host.find(']', colon) == host.npos;
  if (has_port && !IsHostAndPort(host)) return "has a port that is none";
  if (has_port) host = host.substr(0, colon);
  return host.empty() ? "names no host" : "";
}

Parser Url(std::string Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    absl::string_view url = values.back();
    if (std::string wrong = WrongWith(url); !wrong.empty()) return wrong;
    absl::ConsumeSuffix(&url, "/");
    settings.*member = std::string(url);
    return "";
  };
}

Parser Switch(bool Settings::*member) {
  return [member](const Values& values, Settings& settings) -> std::string {
    const std::string& value = values.back();
    if (value != "true" && value != "false") return "is neither true nor false";
    settings.*member = value == "true";
    return "";
  };
}

std::string ParseMode(const Values& values, Settings& settings) {
  const std::string& text = values.back();
  char* end = nullptr;
  const unsigned long mode = std::strtoul(text.c_str(), &end, 8);
  if (text.empty() || *end != '\0' || text[0] == '-' || mode > 0777) {
    return "is not a mode such as 0660";
  }
  settings.unix_mode = static_cast<unsigned>(mode);
  return "";
}

std::string ParseAuth(const Values& values, Settings& settings) {
  static const std::map<std::string, AuthMode> modes = {
      {"keys", AuthMode::kKeys},
      {"login", AuthMode::kLogin},
      {"cookie", AuthMode::kCookie},
      {"token", AuthMode::kToken},
      {"pass-through", AuthMode::kPassThrough}};
  const auto mode = modes.find(values.back());
  if (mode == modes.end()) {
    return "is not keys, login, cookie, token or pass-through";
  }
  settings.auth = mode->second;
  return "";
}

std::string ParseProxy(const Values& values, Settings& settings) {
  const std::string& url = values.back();
  if (url != "off" && !absl::StartsWith(url, "http://") &&
      !absl::StartsWith(url, "https://")) {
    return "is neither an http:// or https:// URL nor off";
  }
  if (absl::StrContains(url, "@")) {
    return "must not hold credentials; HTTPS_PROXY may";
  }
  if (std::string wrong = WrongWith(url); url != "off" && !wrong.empty()) {
    return wrong;
  }
  settings.proxy = url;
  return "";
}

std::string ParseAllowAddress(const Values& values, Settings& settings) {
  settings.allow_address.clear();
  for (const std::string& value : values) {
    for (absl::string_view text : absl::StrSplit(value, ',')) {
      const auto network = Network::Parse(text);
      if (!network) return "is not ADDRESS/BITS, as 169.254.171.0/24";
      settings.allow_address.push_back(*network);
    }
  }
  return "";
}

std::string ParsePresign(const Values& values, Settings& settings) {
  const std::string& value = values.back();
  if (value != "auto" && value != "off") return "is neither auto nor off";
  settings.presign = value == "auto";
  return "";
}

// "/FOLDER", or "/FOLDER=/HERE" where others have it elsewhere: both as the
// first and second, or nothing if it is neither.
std::optional<std::pair<std::string, std::string>> FolderAndHere(
    absl::string_view value) {
  const std::vector<absl::string_view> folders =
      absl::StrSplit(value, absl::MaxSplits('=', 1));
  for (absl::string_view folder : folders) {
    if (folder.size() < 2 || folder.front() != '/' || folder.back() == '/') {
      return std::nullopt;
    }
  }
  return std::make_pair(std::string(folders.front()),
                        std::string(folders.back()));
}

std::string ParseLocalStore(const Values& values, Settings& settings) {
  const auto folder = FolderAndHere(values.back());
  if (!folder) {
    return "is not /FOLDER, or /FOLDER=/MOUNT, without a slash at the end";
  }
  std::tie(settings.local_store, settings.local_mount) = *folder;
  return "";
}

std::string ParseSourceRoots(const Values& values, Settings& settings) {
  settings.source_roots.clear();
  for (const std::string& value : values) {
    for (absl::string_view text : absl::StrSplit(value, ',')) {
      const auto folder = FolderAndHere(text);
      if (!folder) {
        return "is not /FOLDER, or /CALLERS=/HERE, without a slash at the end";
      }
      settings.source_roots.push_back({folder->first, folder->second});
    }
  }
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

}  // namespace

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
      {"allow-quit",
       "Let POST /quitquitquit on the admin port, from loopback, end the "
       "gateway [false]",
       Switch(&Settings::allow_quit),
       From::kAnywhere,
       {},
       /*is_switch=*/true},
      {"tls-cert",
       "PEM file of the certificate chain of the TCP listeners; read again "
       "when it changes",
       Text(&Settings::tls_cert)},
      {"tls-key", "PEM file of its key; not readable for others",
       Text(&Settings::tls_key)},
      {"tls-client-ca",
       "PEM file of the authorities that callers' certificates must be of",
       Text(&Settings::tls_client_ca)},
      {"allow-plaintext",
       "Listen without TLS on addresses other than loopback [false]",
       Switch(&Settings::allow_plaintext),
       From::kAnywhere,
       {},
       /*is_switch=*/true},
      {"unix-mode", "Mode of unix sockets [0600]", ParseMode},
      {"unix-group", "Group of unix sockets, by name",
       Text(&Settings::unix_group)},
      {"allow-file",
       "YAML file of which callers may write where; read again when it changes",
       Text(&Settings::allow_file)},
      {"max-connections",
       "Connections of callers at a time; more are closed [1000]",
       Number(&Settings::max_connections, 1, 100'000)},
      {"max-streams", "Calls at a time on one connection [1000]",
       Number(&Settings::max_streams, 1, 100'000)},
      {"idle-timeout", "Connections without a call are closed after this [1h]",
       Span(&Settings::idle_timeout)},
      {"max-connection-age",
       "Connections take no call after this and end with their last one; 0: no "
       "limit [0]",
       Span(&Settings::max_connection_age)},
      {"lakefs-endpoint",
       "URL of lakeFS, such as https://lakefs.example.com",
       Url(&Settings::lakefs_endpoint),
       From::kAnywhere,
       {"LAKECTL_SERVER_ENDPOINT_URL"}},
      {"auth",
       "How to authorize at lakeFS: keys, login, cookie, token or "
       "pass-through of the caller's [keys, or token if there is one]",
       ParseAuth},
      {"access-key-id",
       "Access key to lakeFS",
       Word(&Settings::access_key_id),
       From::kEnvironmentAndFile,
       {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID"}},
      {"secret-access-key",
       "Its secret",
       Word(&Settings::secret_access_key),
       From::kEnvironmentAndFile,
       {"LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"}},
      {"token", "Bearer token to lakeFS, instead of keys",
       Word(&Settings::token), From::kEnvironmentAndFile},
      {"token-file",
       "File with a bearer token to lakeFS, not readable for others; read "
       "again "
       "when it changes",
       Text(&Settings::token_file)},
      {"credentials-file",
       "File with lines LAKECTL_CREDENTIALS_ACCESS_KEY_ID=... and "
       "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=..., not readable for others; "
       "read again when it changes",
       Text(&Settings::credentials_file)},
      {"presign",
       "off: use no presigned URLs, where the store's host that they name "
       "cannot be reached; objects go by keys of our own, a shared volume or "
       "through lakeFS [auto]",
       ParsePresign},
      {"content-md5",
       "Have the store check each PUT by its MD5; three times the CPU [false]",
       Switch(&Settings::content_md5),
       From::kAnywhere,
       {},
       /*is_switch=*/true},
      {"s3-endpoint",
       "S3 for lakeFS without presign, such as http://minio:9000, with keys of "
       "our own [Amazon's]",
       Url(&Settings::s3_endpoint),
       From::kAnywhere,
       {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"}},
      {"s3-region",
       "Its region [us-east-1]",
       Word(&Settings::s3_region),
       From::kAnywhere,
       {"AWS_REGION", "AWS_DEFAULT_REGION"}},
      {"s3-access-key-id",
       "Access key to it",
       Word(&Settings::s3_access_key_id),
       From::kEnvironmentAndFile,
       {"AWS_ACCESS_KEY_ID"}},
      {"s3-secret-access-key",
       "Its secret",
       Word(&Settings::s3_secret_access_key),
       From::kEnvironmentAndFile,
       {"AWS_SECRET_ACCESS_KEY"}},
      {"s3-session-token",
       "Session token of temporary keys",
       Word(&Settings::s3_session_token),
       From::kEnvironmentAndFile,
       {"AWS_SESSION_TOKEN"}},
      {"local-store",
       "Folder of lakeFS's local store on a shared volume: /FOLDER, or "
       "/FOLDER=/MOUNT if it is mounted elsewhere here",
       ParseLocalStore},
      {"source-root",
       "Folder that callers share with the gateway, whose files UploadFile "
       "takes: /FOLDER, or /CALLERS=/HERE if they have it elsewhere; "
       "repeatable [none]",
       ParseSourceRoots},
      {"resume-key-file",
       "File of the keys that resume tokens are sealed with: base64 of 32 "
       "bytes, one a line, the first seals, all open; the same for all "
       "replicas, not readable for others; read again when it changes [a key "
       "of the process's own]",
       Text(&Settings::resume_key_file)},
      {"memory-bytes",
       "Memory for the bytes of all uploads together; without it they wait "
       "[134217728]",
       Number(&Settings::memory_bytes, 16 << 20, int64_t{1} << 40)},
      {"receive-bytes",
       "Memory for messages that have not come whole, 2 MiB for each "
       "connection "
       "that sends; beyond it calls are broken off [268435456]",
       Number(&Settings::receive_bytes, 32 << 20, int64_t{1} << 40)},
      {"spool-dir",
       "Folder of the temporary files for what one PUT needs whole [$TMPDIR, "
       "or /tmp]",
       Text(&Settings::spool_dir)},
      {"spool-bytes", "Most bytes in these files together [8589934592]",
       Number(&Settings::spool_bytes, 0, int64_t{1} << 50)},
      {"ca-file",
       "PEM file of the authorities that lakeFS and the store must be of "
       "[the system's]",
       Text(&Settings::ca_file)},
      {"client-cert", "PEM file of a certificate to show lakeFS and the store",
       Text(&Settings::client_cert)},
      {"client-key", "PEM file of its key; not readable for others",
       Text(&Settings::client_key)},
      {"proxy",
       "Proxy to lakeFS and the store, or off [https_proxy, http_proxy, "
       "no_proxy]",
       ParseProxy},
      {"allow-http-store",
       "Put objects by plain http although lakeFS is https [false]",
       Switch(&Settings::allow_http_store),
       From::kAnywhere,
       {},
       /*is_switch=*/true},
      {"allow-address",
       "Link-local network that lakeFS or the store may be at, such as "
       "169.254.171.0/24; repeatable; metadata services never [none]",
       ParseAllowAddress},
      {"allow-any-address",
       "Let LinkPhysicalAddress link addresses outside the repository's "
       "storage "
       "namespace [false]",
       Switch(&Settings::allow_any_address),
       From::kAnywhere,
       {},
       /*is_switch=*/true},
      {"max-uploads", "UploadAndLink calls at a time; more are refused [512]",
       Number(&Settings::max_uploads, 1, 100'000)},
      {"unary-threads", "Unary calls at a time; 1024 more wait [64]",
       Number(&Settings::unary_threads, 1, 1'000)},
      {"unary-timeout",
       "For unary calls without a deadline, and the most that an object of "
       "UploadMany may take [60s]",
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

bool LeadsToStore(const Field& field) {
  return absl::StartsWith(field.name, "s3-") || field.name == "local-store";
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
  const std::string value =
      shown ? absl::StrCat("=", Excerpt(values.back(), 128)) : "";
  return absl::InvalidArgumentError(absl::StrCat(source, value, " ", wrong));
}

std::string Trimmed(absl::string_view value) {
  return std::string(absl::StripAsciiWhitespace(value));
}

std::string VariableOf(const Field& field) {
  return absl::StrCat(
      "LAKEFS_STAGING_",
      absl::AsciiStrToUpper(absl::StrReplaceAll(field.name, {{"-", "_"}})));
}

}  // namespace lakefs::gateway
