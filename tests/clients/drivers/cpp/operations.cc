#include "tests/clients/drivers/cpp/operations.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/object_uri.h"
#include "tests/clients/drivers/cpp/answers.h"
#include "tests/clients/drivers/cpp/sources.h"

namespace lakefs::staging::driver {
namespace {

using nlohmann::json;

constexpr size_t kPiece = 65536;

json Nothing() { return {{"nothing", true}}; }
json Unsupported(const std::string& why) { return {{"unsupported", why}}; }

ChannelOptions ChannelOf(const json& settings) {
  ChannelOptions options;
  options.ca_file = settings.value("ca_file", "");
  options.client_cert = settings.value("cert_file", "");
  options.client_key = settings.value("key_file", "");
  options.allow_plaintext_authorization =
      settings.value("allow_plaintext_authorization", false);
  if (settings.contains("authorization")) {
    options.authorization = settings["authorization"].get<std::string>();
  }
  if (settings.contains("connect_timeout")) {
    options.connect_timeout =
        absl::Seconds(settings["connect_timeout"].get<double>());
  }
  return options;
}

std::string Decode(const json& base64) {
  std::string bytes;
  absl::Base64Unescape(base64.get<std::string>(), &bytes);
  return bytes;
}

ObjectOptions ObjectOptionsOf(const json& told) {
  ObjectOptions options;
  options.content_type = told.value("content_type", "");
  if (told.contains("user_metadata")) {
    options.user_metadata =
        told["user_metadata"].get<std::map<std::string, std::string>>();
  }
  options.if_absent = told.value("if_absent", false);
  if (told.contains("if_match")) {
    options.if_match = told["if_match"].get<std::string>();
  }
  options.force = told.value("force", false);
  if (told.contains("mtime")) {
    options.mtime =
        absl::UnixEpoch() + absl::Seconds(told["mtime"].get<double>());
  }
  if (told.contains("request_id")) {
    options.request_id = told["request_id"].get<std::string>();
  }
  options.attempt = told.value("attempt", 0U);
  return options;
}

absl::Duration TimeoutOf(const json& told) {
  return told.contains("timeout") ? absl::Seconds(told["timeout"].get<double>())
                                  : absl::InfiniteDuration();
}

json Failed(const absl::Status& status) { return ErrorJson(status); }

}  // namespace

absl::StatusOr<Client*> Clients::Get(const json& settings) {
  const std::lock_guard lock(mutex_);
  std::unique_ptr<Client>& client = clients_[settings.dump()];
  if (client == nullptr) {
    const ChannelOptions options = ChannelOf(settings);
    auto made =
        settings.contains("gateway")
            ? Client::Connect(settings["gateway"].get<std::string>(), options)
            : Client::Connect(options);
    if (!made.ok()) return made.status();
    client = *std::move(made);
  }
  return client.get();
}

json Run::Do() {
  const absl::Time began = absl::Now();
  const std::string op = command_["op"];
  json answer;
  if (op == "status") {
    answer = Status();
  } else {
    const auto client = clients_.Get(command_.value("client", json::object()));
    if (!client.ok()) {
      answer = Failed(client.status());
    } else {
      const std::pair<const char*, json (Run::*)(Client&)> operations[] = {
          {"upload", &Run::Upload},          {"upload_file", &Run::UploadFile},
          {"upload_many", &Run::UploadMany}, {"write", &Run::Write},
          {"outcome", &Run::Outcome},        {"discard", &Run::Discard},
          {"address", &Run::Address},        {"link", &Run::Link}};
      answer = Unsupported("no operation " + op);
      for (const auto& [name, operation] : operations) {
        if (name != op) continue;
        try {
          answer = (this->*operation)(**client);
        } catch (const OwnException&) {
          answer = OwnJson();
        }
      }
    }
  }
  const std::lock_guard lock(mutex_);
  answer["events"] = events_;
  answer["elapsed"] = absl::ToDoubleSeconds(absl::Now() - began);
  return answer;
}

void Run::Tell(json event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

json Run::Told(const absl::StatusOr<v1::UploadResult>& result) {
  if (!result.ok()) return Failed(result.status());
  return {{"result", ResultJson(*result, attempts_)}};
}

absl::StatusOr<v1::ObjectPath> Run::Target() const {
  return ParseObjectUri(command_["target"].get<std::string>());
}

CallOptions Run::PlainOptions() {
  return {.timeout = TimeoutOf(command_.value("options", json::object())),
          .stop = stop_.get_token()};
}

UploadOptions Run::Options() {
  const json told = command_.value("options", json::object());
  UploadOptions options;
  static_cast<CallOptions&>(options) = PlainOptions();
  static_cast<ObjectOptions&>(options) = ObjectOptionsOf(told);
  options.attempts = told.value("attempts", options.attempts);
  options.on_repetition = [this](const absl::Status&, absl::Duration) {
    ++attempts_;
  };
  if (told.contains("sha256")) {
    options.sha256 = absl::HexStringToBytes(told["sha256"].get<std::string>());
  }
  if (told.contains("md5")) {
    options.md5 = absl::HexStringToBytes(told["md5"].get<std::string>());
  }
  if (told.contains("resume_token")) {
    options.resume_token = Decode(told["resume_token"]);
  }
  if (told.value("checkpoint", false)) {
    options.checkpoint = [this](const v1::UploadCheckpoint& checkpoint) {
      Tell({{"checkpoint",
             {absl::Base64Escape(checkpoint.token()), checkpoint.offset()}}});
    };
  }
  const bool throws = told.value("throw_in_progress", false);
  if (told.value("progress", false) || throws) {
    options.progress = [this, throws](const v1::UploadProgress& progress) {
      Tell({{"progress",
             {v1::UploadProgress::Phase_Name(progress.phase()),
              progress.received_bytes(), progress.stored_bytes()}}});
      if (throws) throw OwnException();
    };
  }
  const json source = command_.value("source", json::object());
  if (source.contains("told_size")) options.size_bytes = source["told_size"];
  return options;
}

json Run::Upload(Client& client) {
  const auto target = Target();
  if (!target.ok()) return Failed(target.status());
  const auto source =
      MakeSource(command_["source"], [this](json event) { Tell(event); });
  if (source == nullptr) return Unsupported("no such source");
  return Told(client.Upload(*source, *target, Options()));
}

json Run::UploadFile(Client& client) {
  const auto target = Target();
  if (!target.ok()) return Failed(target.status());
  return Told(client.UploadSharedFile(command_["file"], *target, Options()));
}

json Run::UploadMany(Client& client) {
  std::vector<json> objects;
  if (command_.contains("objects")) {
    objects = command_["objects"].get<std::vector<json>>();
  } else {
    for (int n = 0; n < command_["count"]; ++n) {
      objects.push_back(
          {{"target", absl::StrCat(command_["target"].get<std::string>(), n)},
           {"source",
            {{"size", command_["size"]},
             {"seed", command_.value("seed", 1)}}}});
    }
  }
  ManyOptions options;
  static_cast<CallOptions&>(options) = PlainOptions();
  json told = json::array();
  size_t taken = 0;
  std::vector<json> given;
  const auto next = [&]() -> std::optional<SmallObject> {
    while (taken < objects.size()) {
      const json& one = objects[taken++];
      const auto target = ParseObjectUri(one["target"].get<std::string>());
      if (!target.ok()) {
        json answer = Failed(target.status());
        answer["target"] = one["target"];
        told.push_back(answer);
        continue;
      }
      given.push_back(one);
      const json& source = one["source"];
      const json told_options = one.value("options", json::object());
      options.attempts = told_options.value("attempts", options.attempts);
      return SmallObject{
          *target, Content(source["size"], source.value("seed", 1U)).All(),
          ObjectOptionsOf(told_options)};
    }
    return std::nullopt;
  };
  const auto done = [&](uint64_t number,
                        const absl::StatusOr<v1::UploadResult>& result,
                        int attempts) {
    json answer = result.ok() ? json{{"result", ResultJson(*result, attempts)}}
                              : Failed(result.status());
    const std::lock_guard lock(mutex_);
    answer["target"] = given[number]["target"];
    told.push_back(answer);
  };
  client.UploadMany(next, done, options);
  return {{"result", told}};
}

json Run::Write(Client& client) {
  if (command_.contains("wrapper")) return Unsupported("no wrappers");
  const auto target = Target();
  if (!target.ok()) return Failed(target.status());
  const auto steps = command_.value("end", std::vector<std::string>{"commit"});
  auto writer = client.NewWriter(*target, Options());
  if (const absl::Status made = Produce(*writer); !made.ok()) {
    if (made == OwnError()) return OwnJson();
  }  // an error of the call comes again at the end
  json answer = Nothing();
  for (const std::string& step : steps) {
    if (step == "scope_throws") {
      writer.reset();
      return OwnJson();
    }
    if (step == "scope") return Told(writer->Commit());
    answer = EndBy(writer, step);
    json event = answer;
    event["end"] = step;
    Tell(event);
  }
  return answer;
}

json Run::EndBy(std::unique_ptr<Writer>& writer, const std::string& step) {
  if (step == "commit") return Told(writer->Commit());
  if (step == "write") {
    const absl::Status written = writer->Write("x");
    return written.ok() ? Nothing() : Failed(written);
  }
  if (step == "close" || step == "abort") {
    writer->Abort();
    return Nothing();
  }
  if (step == "drop") {
    writer.reset();
    return Nothing();
  }
  return Unsupported("the end " + step);
}

absl::Status Run::Produce(Writer& writer) {
  const json& spec = command_["source"];
  Stream stream(spec, spec.value("seed", 1U));
  const std::stop_callback interrupt(stop_.get_token(),
                                     [&stream] { stream.Interrupt(); });
  std::string piece(command_.value("pieces", kPiece), '\0');
  while (true) {
    const auto size = stream.ReadPiece(piece.data(), piece.size());
    if (!size.ok()) return size.status();
    if (*size == 0) return absl::OkStatus();
    absl::Status written = writer.Write(absl::string_view(piece.data(), *size));
    if (!written.ok()) return written;
  }
}

json Run::Outcome(Client& client) {
  std::optional<v1::ObjectPath> object;
  if (command_.contains("target")) {
    const auto target = Target();
    if (!target.ok()) return Failed(target.status());
    object = *target;
  }
  const auto answer =
      client.GetUploadOutcome(command_["request_id"], object, PlainOptions());
  if (!answer.ok()) return Failed(answer.status());
  return {{"result", OutcomeJson(*answer)}};
}

json Run::Discard(Client& client) {
  const absl::Status discarded =
      client.DiscardUpload(Decode(command_["resume_token"]), PlainOptions());
  if (!discarded.ok()) return Failed(discarded);
  return {{"result", json::object()}};
}

json Run::Address(Client& client) {
  const auto target = Target();
  if (!target.ok()) return Failed(target.status());
  const auto location = client.GetPhysicalAddress(
      *target, command_.value("presign", false), PlainOptions());
  if (!location.ok()) return Failed(location.status());
  return {{"result", LocationJson(*location)}};
}

json Run::Link(Client& client) {
  const auto target = Target();
  if (!target.ok()) return Failed(target.status());
  v1::StagingMetadata metadata;
  const json& location = command_["location"];
  metadata.mutable_staging()->set_physical_address(
      location["physical_address"].get<std::string>());
  if (location.contains("token")) {
    metadata.mutable_staging()->set_token(location["token"].get<std::string>());
  }
  metadata.set_checksum(command_["checksum"].get<std::string>());
  metadata.set_size_bytes(command_["size_bytes"]);
  const auto linked = client.LinkPhysicalAddress(
      *target, metadata, LinkOptions{PlainOptions(), false, std::nullopt});
  if (!linked.ok()) return Failed(linked.status());
  v1::UploadResult result;
  *result.mutable_object() = linked->object();
  result.set_outcome(linked->outcome());
  return {{"result", ResultJson(result, 1)}};
}

json Run::Status() {
  int64_t pages = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> pages >> resident;
  const auto count = [](const char* folder) {
    return std::distance(std::filesystem::directory_iterator(folder), {});
  };
  const auto threads = count("/proc/self/task");
  return {{"result",
           {{"rss_kib", resident * sysconf(_SC_PAGESIZE) / 1024},
            {"threads", threads},
            {"tasks", threads},
            {"descriptors", count("/proc/self/fd")}}}};
}

}  // namespace lakefs::staging::driver
