#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/cli/exit_code.h"
#include "client/cli/values.h"
#include "client/failure.h"
#include "client/object_uri.h"

namespace lakefs::staging {
namespace {

using Command = CommandLine::Command;

constexpr char kAbout[] =
    "Uploads objects to lakeFS through a staging gateway.";

constexpr absl::string_view kCommands =
    "upload, address, link, outcome or discard";

constexpr absl::string_view kVariableHelp =
    "LAKEFS_STAGING_AUTHORIZATION is sent to a gateway with "
    "--auth=pass-through, for\nlakeFS: \"Basic ...\" or \"Bearer ...\". It is "
    "secret, and so no flag.\n"
    "LAKEFS_STAGING_SHARED is a folder that a gateway with --source-root sees "
    "too:\n/FOLDER, or /MINE=/GATEWAYS. Files in it are not sent, but read by "
    "the gateway;\nif it does not take one, it is sent.\n\n";

// Texts as they were written; checked when all of them are there.
struct Texts {
  std::string target;
  std::string timeout;
  std::string connect_timeout;
  std::string mtime;
  std::string size;
  std::vector<std::string> metadata;
};

void AddCallOptions(CLI::App& app, CommandLine& line, Texts& texts) {
  // CLI11 would let the environment of one command's flag overwrite another's.
  app.add_option("--gateway", line.gateway,
                 "The gateway: HOST:PORT or unix:/path (default: the "
                 "environment's LAKEFS_STAGING_GATEWAY, else 127.0.0.1:8765)")
      ->type_name("ADDRESS");
  app.add_flag("--tls", line.channel.tls,
               "Speak TLS with it; so does each of the next three");
  app.add_option("--ca-file", line.channel.ca_file,
                 "PEM file of the authorities that it must be of (default: the "
                 "system's)")
      ->type_name("FILE");
  app.add_option("--client-cert", line.channel.client_cert,
                 "PEM file of a certificate to show it")
      ->type_name("FILE");
  app.add_option("--client-key", line.channel.client_key, "PEM file of its key")
      ->type_name("FILE");
  app.add_flag(
      "--allow-plaintext-authorization",
      line.channel.allow_plaintext_authorization,
      "Send LAKEFS_STAGING_AUTHORIZATION without TLS to any address, as "
      "within a mesh that encrypts");
  app.add_option("--connect-timeout", texts.connect_timeout,
                 "Most time to wait for the gateway (default: 10s)")
      ->type_name("TIME");
  app.add_option("--timeout", texts.timeout,
                 "Most time the call may take: 30s, 5m or seconds "
                 "(default: the gateway's)")
      ->type_name("TIME");
  app.add_flag("--json", line.json,
               "Print the result, or the error, as one line of JSON");
}

void AddCommonOptions(CLI::App& app, CommandLine& line, Texts& texts,
                      bool needs_target = true) {
  app.add_option("TARGET", texts.target,
                 needs_target ? "lakefs://repository/branch/path"
                              : "lakefs://repository/branch/path, to look at "
                                "if the gateway does not remember the upload")
      ->required(needs_target);
  AddCallOptions(app, line, texts);
}

void AddObjectOptions(CLI::App& app, CommandLine& line, Texts& texts) {
  app.add_option("--content-type", line.content_type,
                 "Media type (default: application/octet-stream)")
      ->type_name("TYPE");
  app.add_option("--metadata", texts.metadata,
                 "Metadata of the object; can be given more than once")
      ->type_name("KEY=VALUE")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--mtime", texts.mtime,
                 "Time of modification: 2024-05-01T12:00:00Z or seconds since "
                 "1970 (default: now)")
      ->type_name("TIME");
  CLI::Option* const if_absent = app.add_flag(
      "--if-absent", line.if_absent, "Only if the path has no object yet");
  app.add_option("--if-match", line.if_match,
                 "Only over an object of this checksum, as the last upload's "
                 "result showed it; for servers that implement If-Match")
      ->type_name("CHECKSUM")
      ->excludes(if_absent);
  app.add_flag("--force", line.force, "Even to a read-only repository");
}

CLI::App& AddUpload(CLI::App& root, CommandLine& line, Texts& texts) {
  CLI::App& app =
      *root.add_subcommand("upload", "Upload a file and link it to a path");
  app.add_option("SOURCE", line.source, "File to upload; - is standard input")
      ->required();
  AddCommonOptions(app, line, texts);
  AddObjectOptions(app, line, texts);
  app.add_option(
         "--request-id", line.request_id,
         "Key by which the gateway knows the upload: the same one again "
         "does no second (default: a new one)")
      ->type_name("ID");
  app.add_option(
         "--attempts", line.attempts,
         "Most calls to make, where making them again helps and is safe")
      ->type_name("N")
      ->check(CLI::Range(1, 1000))
      ->capture_default_str();
  app.add_option("--resume", line.state_file,
                 "Keep in this file how to go on with the upload, and go on "
                 "with it if the file is there; it is removed after success")
      ->type_name("STATE_FILE");
  app.add_flag("--quiet", line.quiet, "No progress and no result");
  return app;
}

CLI::App& AddAddress(CLI::App& root, CommandLine& line, Texts& texts) {
  CLI::App& app = *root.add_subcommand(
      "address", "Ask for an address to put an object's bytes at");
  AddCommonOptions(app, line, texts);
  app.add_flag("--presign", line.presign,
               "With a presigned URL for the PUT, which is a secret");
  return app;
}

CLI::App& AddLink(CLI::App& root, CommandLine& line, Texts& texts) {
  CLI::App& app = *root.add_subcommand(
      "link", "Link bytes that are at an address already to a path");
  AddCommonOptions(app, line, texts);
  app.add_option("--physical-address", line.physical_address,
                 "The address, as `address` printed it")
      ->type_name("ADDRESS")
      ->required();
  app.add_option("--token", line.token, "The token, if `address` printed one")
      ->type_name("TOKEN");
  app.add_option("--checksum", line.checksum,
                 "Checksum of the bytes: the store's ETag without quotes")
      ->type_name("TEXT")
      ->required();
  app.add_option("--size", texts.size,
                 "Size in bytes; a wrong one breaks every reader")
      ->type_name("BYTES")
      ->required();
  AddObjectOptions(app, line, texts);
  app.add_flag("--quiet", line.quiet, "No result");
  return app;
}

CLI::App& AddOutcome(CLI::App& root, CommandLine& line, Texts& texts) {
  CLI::App& app = *root.add_subcommand(
      "outcome", "Tell what became of an upload with a --request-id");
  app.add_option("ID", line.request_id, "The --request-id of the upload")
      ->required();
  AddCommonOptions(app, line, texts, /*needs_target=*/false);
  return app;
}

CLI::App& AddDiscard(CLI::App& root, CommandLine& line, Texts& texts) {
  CLI::App& app = *root.add_subcommand(
      "discard", "Drop what is stored of an upload with --resume");
  app.add_option("STATE_FILE", line.state_file, "The file of --resume")
      ->required();
  AddCallOptions(app, line, texts);
  return app;
}

// Leads to the help of the command that was meant, if there is one.
absl::Status Usage(const CLI::App& root, absl::string_view message) {
  std::string program = root.get_name();
  for (const CLI::App* command : root.get_subcommands()) {
    absl::StrAppend(&program, " ", command->get_name());
  }
  // CLI11 puts some messages on two lines.
  return MakeFailure(
      absl::StatusCode::kInvalidArgument, kInvalidRequest,
      absl::StrCat(
          absl::StripSuffix(absl::StrReplaceAll(message, {{"\n", " "}}), " "),
          "; see ", program, " --help"));
}

template <typename T, typename U>
absl::Status Put(absl::StatusOr<T> value, U& to) {
  if (!value.ok()) return value.status();
  to = *std::move(value);
  return absl::OkStatus();
}

std::string Variable(const char* name, const char* otherwise) {
  const char* const text = std::getenv(name);
  const auto value = absl::StripAsciiWhitespace(text != nullptr ? text : "");
  return std::string(value.empty() ? otherwise : value);
}

absl::Status Convert(const Texts& texts, CommandLine& line) {
  if (line.gateway.empty()) {
    line.gateway = Variable("LAKEFS_STAGING_GATEWAY", "127.0.0.1:8765");
  }
  line.channel.authorization = Variable("LAKEFS_STAGING_AUTHORIZATION", "");
  absl::Status status;
  if (!texts.target.empty() || (line.command != Command::kOutcome &&
                                line.command != Command::kDiscard)) {
    status = Put(ParseObjectUri(texts.target), line.object);
  }
  if (!texts.timeout.empty()) {
    status.Update(Put(ParseTimeout(texts.timeout), line.timeout));
  }
  if (!texts.connect_timeout.empty()) {
    status.Update(
        Put(ParseTimeout(texts.connect_timeout), line.channel.connect_timeout));
  }
  if (!texts.mtime.empty()) {
    status.Update(Put(ParseMtime(texts.mtime), line.mtime));
  }
  if (line.command == Command::kLink) {
    status.Update(Put(ParseSize(texts.size), line.size_bytes));
  }
  status.Update(Put(ParseMetadata(texts.metadata), line.user_metadata));
  if (line.command == Command::kUpload) {
    status.Update(Put(ParseSharedFolder(Variable("LAKEFS_STAGING_SHARED", "")),
                      line.shared));
  }
  return status;
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(int argc,
                                             const char* const* argv) {
  CommandLine line;
  Texts texts;
  CLI::App root(kAbout, "lakefs-staging");
  root.set_version_flag("--version", "lakefs-staging " LAKEFS_STAGING_VERSION);
  root.footer(absl::StrCat(kVariableHelp, kExitCodeHelp));
  const CLI::App& upload = AddUpload(root, line, texts);
  const CLI::App& address = AddAddress(root, line, texts);
  const CLI::App& link = AddLink(root, line, texts);
  const CLI::App& outcome = AddOutcome(root, line, texts);
  const CLI::App& discard = AddDiscard(root, line, texts);

  // CLI11 would list all that follows, backwards.
  const auto is_first = [&](const CLI::App* command) {
    return command->get_name() == argv[1];
  };
  if (argc > 1 && *argv[1] != '-' && *argv[1] != '\0' &&
      root.get_subcommands(is_first).empty()) {
    return Usage(root, absl::StrCat("\"", absl::Utf8SafeCEscape(argv[1]),
                                    "\" is no command; write ", kCommands));
  }

  // CLI11 knows no other way to report than by throwing; nothing of it leaves
  // this function.
  try {
    root.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    line.text = root.help();
    return line;
  } catch (const CLI::CallForVersion& version) {
    line.text = absl::StrCat(version.what(), "\n");
    return line;
  } catch (const CLI::ParseError& error) {
    return Usage(root, error.what());
  }
  if (upload.parsed()) {
    line.command = Command::kUpload;
  } else if (address.parsed()) {
    line.command = Command::kAddress;
  } else if (link.parsed()) {
    line.command = Command::kLink;
  } else if (outcome.parsed()) {
    line.command = Command::kOutcome;
  } else if (discard.parsed()) {
    line.command = Command::kDiscard;
  } else {
    return Usage(root, absl::StrCat("a command is missing: ", kCommands));
  }
  if (absl::Status status = Convert(texts, line); !status.ok()) return status;
  return line;
}

}  // namespace lakefs::staging
