// What the user wrote on the command line.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/channel.h"
#include "client/cli/shared_folder.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// A command line, taken apart and checked.
struct CommandLine {
  enum class Command { kUpload, kAddress, kLink, kOutcome, kDiscard, kPrint };
  Command command = Command::kPrint;

  // For kPrint: the text of --help or --version.
  std::string text;

  // For all others.
  std::string gateway;  // HOST:PORT or unix:/path
  ChannelOptions channel;
  v1::ObjectPath object;  // none of kDiscard, and of kOutcome if none is named
  absl::Duration timeout = absl::InfiniteDuration();
  bool json = false;
  bool quiet = false;

  // upload and link.
  std::string content_type;
  std::map<std::string, std::string> user_metadata;
  std::optional<absl::Time> mtime;
  bool if_absent = false;
  std::optional<std::string> if_match;
  bool force = false;

  // upload and outcome.
  std::string request_id;

  // upload.
  int attempts = 5;                    // at most
  std::string source;                  // name of a file; "-" is standard input
  std::optional<SharedFolder> shared;  // with the gateway

  // upload and discard.
  std::string state_file;  // empty: none

  // address.
  bool presign = false;

  // link.
  std::string physical_address;
  std::string token;
  std::string checksum;
  int64_t size_bytes = 0;
};

// Takes the arguments apart. The gateway comes from --gateway, else from the
// environment (LAKEFS_STAGING_GATEWAY), else it is 127.0.0.1:8765. The
// authorization comes from the environment alone
// (LAKEFS_STAGING_AUTHORIZATION), as does the folder that is shared with the
// gateway (LAKEFS_STAGING_SHARED).
//
// Errors: INVALID_ARGUMENT, INVALID_REQUEST with a message of one line that
// names the argument.
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

}  // namespace lakefs::staging
