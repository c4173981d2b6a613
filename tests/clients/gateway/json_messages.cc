#include "tests/clients/gateway/json_messages.h"

#include <google/protobuf/dynamic_message.h>
#include <google/protobuf/util/json_util.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>

#include "google/rpc/code.pb.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging::testing {
namespace {

using google::protobuf::Message;
using nlohmann::json;

[[noreturn]] void Wrong(const std::string& what) {
  std::fprintf(stderr, "scripted-gateway: %s\n", what.c_str());
  std::exit(1);
}

std::unique_ptr<Message> NewMessage(const std::string& type) {
  for (const char* package : {"google.rpc.", "lakefs.staging.v1."}) {
    // Named here, so that its file is linked.
    const auto* found = google::rpc::ErrorInfo::descriptor()
                            ->file()
                            ->pool()
                            ->FindMessageTypeByName(package + type);
    if (found == nullptr) continue;
    return std::unique_ptr<Message>(
        google::protobuf::MessageFactory::generated_factory()
            ->GetPrototype(found)
            ->New());
  }
  Wrong("no message is called " + type);
}

void AddDetail(const json& detail, google::protobuf::Any& any) {
  if (detail.contains("type_url")) {
    any.set_type_url(detail["type_url"]);
    any.set_value(detail.value("text", ""));
    return;
  }
  for (const auto& [type, fields] : detail.items()) {
    const auto message = NewMessage(type);
    MergeJson(fields, *message);
    any.PackFrom(*message);
  }
}

}  // namespace

json ToJson(const Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string text;
  const auto status =
      google::protobuf::util::MessageToJsonString(message, &text, options);
  if (!status.ok()) Wrong(status.ToString());
  return json::parse(text);
}

void MergeJson(const json& fields, Message& message) {
  const std::unique_ptr<Message> parsed(message.New());
  const auto status =
      google::protobuf::util::JsonStringToMessage(fields.dump(), parsed.get());
  if (!status.ok()) Wrong(fields.dump() + ": " + status.ToString());
  message.MergeFrom(*parsed);
}

grpc::Status ToStatus(const json& status) {
  google::rpc::Code code = google::rpc::OK;
  const std::string name = status.value("code", "OK");
  if (!google::rpc::Code_Parse(name, &code)) Wrong("no code is called " + name);
  if (code == google::rpc::OK) return grpc::Status::OK;
  google::rpc::Status details;
  details.set_code(code);
  details.set_message(status.value("message", ""));
  for (const json& detail : status.value("details", json::array())) {
    AddDetail(detail, *details.add_details());
  }
  return grpc::Status(
      static_cast<grpc::StatusCode>(code), details.message(),
      details.details().empty() ? "" : details.SerializeAsString());
}

}  // namespace lakefs::staging::testing
