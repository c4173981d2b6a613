#include "client/cli/commands.h"

#include <memory>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/cli/error_line.h"
#include "client/cli/json_output.h"
#include "client/cli/progress_bar.h"
#include "client/cli/state_file.h"
#include "client/client.h"
#include "client/failure.h"
#include "client/file_source.h"
#include "client/object_uri.h"
#include "client/request_id.h"
#include "client/upload_header.h"

namespace lakefs::staging {
namespace {

using Command = CommandLine::Command;

CallOptions CallOptionsOf(const CommandLine& line, const Interrupt& interrupt) {
  return {.timeout = line.timeout, .stop = interrupt.token()};
}

absl::string_view SupersededNote(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_SUPERSEDED
             ? "; a later writer has replaced it already"
             : "";
}

// Whether the gateway takes no files, or not this one, and has begun nothing.
bool TakesNoFile(const absl::Status& status) {
  const Failure failure = FailureOf(status);
  return failure.reason == "SOURCE_REFUSED" || failure.reason == kNotAGateway;
}

// Has the gateway read the file, if it lies where it can, else sends it.
absl::StatusOr<v1::UploadResult> ShareOrSend(Client& client, FileSource& source,
                                             const CommandLine& line,
                                             const UploadOptions& options,
                                             const Output& output) {
  const auto name = line.shared && line.source != "-"
                        ? GatewaysNameOf(line.source, *line.shared)
                        : std::nullopt;
  if (!name) return client.Upload(source, line.object, options);
  auto result = client.UploadSharedFile(*name, line.object, options);
  if (result.ok() || !TakesNoFile(result.status())) return result;
  if (!line.quiet) {
    output.err << "lakefs-staging: the gateway does not read the file itself, "
                  "so it is sent: "
               << result.status().message() << "\n";
  }
  return client.Upload(source, line.object, options);
}

UploadOptions UploadOptionsOf(const CommandLine& line,
                              const Interrupt& interrupt) {
  UploadOptions options;
  static_cast<CallOptions&>(options) = CallOptionsOf(line, interrupt);
  options.content_type = line.content_type;
  options.user_metadata = line.user_metadata;
  options.if_absent = line.if_absent;
  options.if_match = line.if_match;
  options.force = line.force;
  options.mtime = line.mtime;
  if (!line.request_id.empty()) options.request_id = line.request_id;
  options.attempts = line.attempts;
  return options;
}

// Keeps, in the file of --resume, how to go on with an upload.
class Resumption {
 public:
  explicit Resumption(const std::string& file) : file_(file) {}

  // Has the upload go on from where the file says, and keeps its tokens there.
  // Errors: those of the file.
  absl::Status Prepare(UploadOptions& options) {
    auto state = file_.Load();
    if (!state.ok()) return state.status();
    if (*state) {
      options.resume_token = (*state)->token;
      if (!options.request_id) options.request_id = (*state)->request_id;
    } else if (!options.request_id) {
      options.request_id = NewRequestId();
    }
    options.checkpoint =
        [this, id = *options.request_id](const v1::UploadCheckpoint& next) {
          kept_.Update(file_.Save({.request_id = id, .token = next.token()}));
        };
    return absl::OkStatus();
  }

  // After the upload. Says what could not be kept, and removes the file where
  // it is of no use any more.
  void End(const absl::Status& uploaded, std::ostream& err) {
    Say(kept_, err);
    // It cannot be gone on with; the next call begins anew.
    const bool is_over =
        uploaded.ok() || FailureOf(uploaded).reason == "RESUME_EXPIRED";
    if (!is_over) return;
    if (absl::Status s = file_.Remove(); uploaded.ok()) Say(s, err);
  }

 private:
  static void Say(const absl::Status& status, std::ostream& err) {
    if (status.ok()) return;
    err << "lakefs-staging: " << FailureOf(status).message << "\n";
  }

  const StateFile file_;
  absl::Status kept_;  // why the first token that was not kept was not
};

absl::Status Upload(const CommandLine& line, const Interrupt& interrupt,
                    const Output& output) {
  const auto client = Client::Connect(line.gateway, line.channel);
  if (!client.ok()) return client.status();
  const auto source = FileSource::Open(line.source);
  if (!source.ok()) return source.status();

  UploadOptions options = UploadOptionsOf(line, interrupt);
  std::optional<ProgressBar> bar;
  if (output.err_is_terminal && !line.quiet) {
    bar.emplace(output.err, (*source)->size_bytes());
    options.progress = [&bar](const auto& progress) { bar->Show(progress); };
  }
  if (!line.quiet) {
    options.on_repetition = [&](const absl::Status& failure,
                                absl::Duration wait) {
      if (bar) bar->Clear();
      output.err << RepetitionLine(FailureOf(failure), wait, line.attempts)
                 << "\n";
    };
  }
  std::optional<Resumption> resumption;
  if (!line.state_file.empty()) {
    resumption.emplace(line.state_file);
    if (absl::Status s = resumption->Prepare(options); !s.ok()) return s;
  }
  const auto result =
      resumption ? (*client)->Upload(**source, line.object, options)
                 : ShareOrSend(**client, **source, line, options, output);
  bar.reset();
  if (resumption) resumption->End(result.status(), output.err);
  if (!result.ok()) return result.status();
  if (line.json) {
    output.out << ToJson(*result) << "\n";
  } else if (!line.quiet) {
    output.out << "uploaded " << SizeText(result->object().size_bytes())
               << " to " << ObjectUri(line.object)
               << SupersededNote(result->outcome()) << "\n";
  }
  return absl::OkStatus();
}

absl::Status Address(const CommandLine& line, const Interrupt& interrupt,
                     const Output& output) {
  const auto client = Client::Connect(line.gateway, line.channel);
  if (!client.ok()) return client.status();
  const auto location = (*client)->GetPhysicalAddress(
      line.object, line.presign, CallOptionsOf(line, interrupt));
  if (!location.ok()) return location.status();
  if (line.json) {
    output.out << ToJson(*location) << "\n";
    return absl::OkStatus();
  }
  output.out << "physical_address: " << location->physical_address() << "\n";
  if (location->has_token()) {
    output.out << "token: " << location->token() << "\n";
  }
  if (location->has_presigned_url()) {
    output.out << "presigned_url: " << location->presigned_url() << "\n";
  }
  if (location->has_presigned_url_expiry()) {
    output.out << "presigned_url_expiry: "
               << TimeText(location->presigned_url_expiry()) << "\n";
  }
  return absl::OkStatus();
}

v1::StagingMetadata MetadataOf(const CommandLine& line) {
  v1::StagingMetadata metadata;
  v1::StagingLocation& staging = *metadata.mutable_staging();
  staging.set_physical_address(line.physical_address);
  if (!line.token.empty()) staging.set_token(line.token);
  metadata.set_checksum(line.checksum);
  metadata.set_size_bytes(line.size_bytes);
  metadata.mutable_user_metadata()->insert(line.user_metadata.begin(),
                                           line.user_metadata.end());
  metadata.set_content_type(line.content_type);
  if (line.mtime) *metadata.mutable_mtime() = WholeSeconds(*line.mtime);
  metadata.set_force(line.force);
  return metadata;
}

absl::Status Link(const CommandLine& line, const Interrupt& interrupt,
                  const Output& output) {
  const auto client = Client::Connect(line.gateway, line.channel);
  if (!client.ok()) return client.status();
  LinkOptions options;
  static_cast<CallOptions&>(options) = CallOptionsOf(line, interrupt);
  options.if_absent = line.if_absent;
  options.if_match = line.if_match;
  const auto response =
      (*client)->LinkPhysicalAddress(line.object, MetadataOf(line), options);
  if (!response.ok()) return response.status();
  if (line.json) {
    output.out << ToJson(*response) << "\n";
  } else if (!line.quiet) {
    output.out << "linked " << ObjectUri(line.object)
               << SupersededNote(response->outcome()) << "\n";
  }
  return absl::OkStatus();
}

absl::Status Outcome(const CommandLine& line, const Interrupt& interrupt,
                     const Output& output) {
  const auto client = Client::Connect(line.gateway, line.channel);
  if (!client.ok()) return client.status();
  std::optional<v1::ObjectPath> object;
  if (!line.object.path().empty()) object = line.object;
  const auto response = (*client)->GetUploadOutcome(
      line.request_id, object, CallOptionsOf(line, interrupt));
  if (!response.ok()) return response.status();
  if (line.json) {
    output.out << ToJson(*response) << "\n";
    return absl::OkStatus();
  }
  output.out << ShortName(response->outcome());
  if (response->in_progress()) output.out << " (under way)";
  if (!response->failure_message().empty()) {
    output.out << " (" << response->failure_reason() << ": "
               << response->failure_message() << ")";
  }
  output.out << "\n";
  return absl::OkStatus();
}

absl::Status Discard(const CommandLine& line, const Interrupt& interrupt) {
  const StateFile state(line.state_file);
  const auto token = state.Load();
  if (!token.ok()) return token.status();
  if (!*token) {
    return MakeFailure(absl::StatusCode::kNotFound, kSourceUnreadable,
                       absl::StrCat("there is no file ", state.path()));
  }
  const auto client = Client::Connect(line.gateway, line.channel);
  if (!client.ok()) return client.status();
  const absl::Status discarded =
      (*client)->DiscardUpload((*token)->token, CallOptionsOf(line, interrupt));
  return discarded.ok() ? state.Remove() : discarded;
}

absl::Status Run(const CommandLine& line, const Interrupt& interrupt,
                 const Output& output) {
  switch (line.command) {
    case Command::kUpload:
      return Upload(line, interrupt, output);
    case Command::kAddress:
      return Address(line, interrupt, output);
    case Command::kLink:
      return Link(line, interrupt, output);
    case Command::kOutcome:
      return Outcome(line, interrupt, output);
    case Command::kDiscard:
      return Discard(line, interrupt);
    case Command::kPrint:
      output.out << line.text;
      return absl::OkStatus();
  }
  return absl::OkStatus();
}

absl::string_view Verb(Command command) {
  switch (command) {
    case Command::kUpload:
      return "upload to";
    case Command::kAddress:
      return "address for";
    case Command::kOutcome:
      return "outcome of";
    case Command::kDiscard:
      return "discard";
    default:
      return "link to";
  }
}

std::string Subject(const CommandLine& line) {
  switch (line.command) {
    case Command::kOutcome:
      return line.request_id;
    case Command::kDiscard:
      return line.state_file;
    default:
      return ObjectUri(line.object);
  }
}

}  // namespace

int RunCommand(const CommandLine& line, const Interrupt& interrupt,
               const Output& output) {
  const absl::Status status = Run(line, interrupt, output);
  output.out.flush();
  if (status.ok()) {
    if (output.out.good()) return static_cast<int>(ExitCode::kOk);
    output.err << "lakefs-staging: cannot write the output\n";
    return static_cast<int>(ExitCode::kInternal);
  }
  Failure failure = FailureOf(status);
  ExitCode exit_code = ExitCodeOf(failure);
  // Whatever the call failed with after a signal, the signal is the cause.
  if (interrupt.signal() != 0) {
    exit_code = static_cast<ExitCode>(128 + interrupt.signal());
    failure.message = "interrupted";
  }
  const std::string what = absl::StrCat(Verb(line.command), " ", Subject(line));
  output.err << ErrorLine(what, failure) << "\n";
  if (line.json) output.out << ToJson(failure, exit_code) << std::endl;
  return static_cast<int>(exit_code);
}

}  // namespace lakefs::staging
