// What the gateway is told by flags, environment and files.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/base/log.h"
#include "gateway/base/network.h"

namespace lakefs::gateway {

// The version of the program, such as "0.1.0".
extern const char kVersion[];

// How the gateway shows lakeFS who it is.
enum class AuthMode {
  kUnset,
  kKeys,         // the access key with every request
  kLogin,        // a session's token, had for the key
  kCookie,       // a session's cookie, had for the key
  kToken,        // a given token, or that of a file
  kPassThrough,  // what each caller brings
};

// Ways of the gateway's own to a store of lakeFS.
struct StoreSettings {
  std::string s3_endpoint;
  std::string s3_region = "us-east-1";
  std::string s3_access_key_id;
  std::string s3_secret_access_key;  // a secret
  std::string s3_session_token;      // a secret
  // The folder of a local store as lakeFS names it, and where it is here.
  std::string local_store;
  std::string local_mount;
};

// A folder whose files callers may name in UploadFile.
struct SourceRoot {
  std::string callers;  // where callers have it
  std::string here;     // where it is here
};

// Every setting, with its default. The table in settings.cc gives each its
// name, its help and its parser.
struct Settings : StoreSettings {
  std::vector<std::string> listen{"127.0.0.1:8765"};
  std::string admin_listen = "127.0.0.1:8766";  // empty: none
  // Whether POST /quitquitquit ends the program. Off, since "from loopback" is
  // no restriction behind a mesh, whose proxy connects from there for anybody.
  bool allow_quit = false;

  // TLS of the TCP listeners; without a certificate they are plain.
  std::string tls_cert;
  std::string tls_key;
  std::string tls_client_ca;  // empty: clients need no certificate
  bool allow_plaintext = false;
  // Of unix sockets.
  unsigned unix_mode = 0600;
  std::string unix_group;
  std::string allow_file;  // empty: every caller may write everywhere
  int max_connections = 1000;
  int max_streams = 1000;
  std::chrono::milliseconds idle_timeout{std::chrono::hours(1)};
  std::chrono::milliseconds max_connection_age{0};  // zero: no limit

  std::string lakefs_endpoint;
  AuthMode auth = AuthMode::kUnset;  // never unset once read
  std::string access_key_id;
  std::string secret_access_key;  // a secret
  std::string token;              // a secret
  std::string token_file;
  std::string credentials_file;  // goes before the keys

  // Whether presigned URLs are used where lakeFS gives them out.
  bool presign = true;
  bool content_md5 = false;
  // Of a lakeFS with several stores: those that do not go by the settings
  // above, by their blockstore_id.
  std::map<std::string, StoreSettings> stores;

  // Of connections to lakeFS and to the object store.
  std::string ca_file;
  std::string client_cert;
  std::string client_key;
  std::string proxy;  // empty: as the environment says; "off": none
  bool allow_http_store = false;
  std::vector<Network> allow_address;  // link-local ones that may be called

  std::vector<SourceRoot> source_roots;  // none: UploadFile is off

  // Whether LinkPhysicalAddress links what lies outside the repository.
  bool allow_any_address = false;

  std::string resume_key_file;  // empty: a key of the process's own

  int64_t memory_bytes = 128 << 20;
  int64_t receive_bytes = int64_t{256} << 20;
  std::string spool_dir;
  int64_t spool_bytes = int64_t{8} << 30;
  int max_uploads = 512;
  int unary_threads = 64;
  std::chrono::milliseconds unary_timeout{60'000};
  std::chrono::milliseconds upload_timeout{std::chrono::hours(6)};
  std::chrono::milliseconds drain_timeout{25'000};
  LogLevel log_level = LogLevel::kInfo;
};

// The folders of local stores as lakeFS names them, of all stores.
std::vector<std::string> LocalRoots(const Settings& settings);

using Environment = std::map<std::string, std::string>;

// The environment of the process.
Environment ProcessEnvironment();

// What the command line asks for: to run, or a text to print instead.
struct CommandLine {
  Settings settings;
  std::string text;     // of --help or --version; empty: run
  std::string warning;  // about what is wrong and was not needed; or empty
};

// Reads, in rising precedence: ~/.lakectl.yaml, the file of --config, the
// environment, the flags. lakeFS's own names (LAKECTL_SERVER_ENDPOINT_URL, …)
// work as they are, below LAKEFS_STAGING_… of the same meaning.
//
// ~/.lakectl.yaml may be wrong or unreadable where nothing of it is needed.
//
// Errors: INVALID_ARGUMENT in one line that names the flag, variable or field.
absl::StatusOr<CommandLine> ReadSettings(int argc, const char* const* argv,
                                         const Environment& environment);

}  // namespace lakefs::gateway
