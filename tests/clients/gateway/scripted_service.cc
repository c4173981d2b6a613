#include "tests/clients/gateway/scripted_service.h"

#include <optional>
#include <string>

#include "tests/clients/gateway/call.h"
#include "tests/clients/gateway/json_messages.h"
#include "tests/clients/gateway/many_wire.h"
#include "tests/clients/gateway/object_check.h"
#include "tests/clients/gateway/reply_wire.h"
#include "tests/clients/gateway/upload_wire.h"

namespace lakefs::staging::testing {
namespace {

using grpc::ServerContext;
using grpc::Status;
using nlohmann::json;

// A stream that its caller ended before its first message.
Status NoMessage(Call& call) {
  call.Begin("");
  call.Tell("no_message");
  return Status::CANCELLED;
}

// Plays a call whose response has the fields that the step "result" tells.
Status PlayPlain(Call& call, const std::string& key,
                 const google::protobuf::Message& request,
                 google::protobuf::Message& response) {
  call.Begin(key);
  call.Tell("request", {{"request", ToJson(request)}});
  ReplyWire wire([&](const std::string& step, const json& value) {
    if (step == "result" && !value.is_null()) MergeJson(value, response);
    return step == "result";
  });
  return call.Play(wire);
}

}  // namespace

Status ScriptedService::UploadAndLink(ServerContext* context,
                                      UploadWire::Stream* stream) {
  Call call(record_, scripts_, *context, "UploadAndLink");
  UploadWire wire(call, *stream);
  if (!wire.Begin()) return NoMessage(call);
  return call.Play(wire);
}

Status ScriptedService::UploadMany(ServerContext* context,
                                   ManyWire::Stream* stream) {
  Call call(record_, scripts_, *context, "UploadMany");
  ManyWire wire(call, *stream);
  if (!wire.Begin()) return NoMessage(call);
  return call.Play(wire);
}

Status ScriptedService::UploadObject(ServerContext* context,
                                     const v1::UploadObjectRequest* request,
                                     v1::UploadObjectResponse* response) {
  Call call(record_, scripts_, *context, "UploadObject");
  const v1::UploadHeader& header = request->header();
  call.Begin(header.object().branch());
  call.Tell("object",
            {{"header", ToJson(header)},
             {"size", request->data().size()},
             {"crc32c", CheckCrc32c(request->data(),
                                    request->has_crc32c()
                                        ? std::optional(request->crc32c())
                                        : std::nullopt)},
             {"bytes", CheckBytes(SourceOf(call.content()), call.content(), 0,
                                  request->data())}});
  ReplyWire wire([&](const std::string& step, const json& value) {
    if (step != "result") return false;
    *response->mutable_result() = MakeResult(header, request->data(), value);
    return true;
  });
  return call.Play(wire);
}

Status ScriptedService::UploadFile(
    ServerContext* context, const v1::UploadFileRequest* request,
    grpc::ServerWriter<v1::UploadAndLinkResponse>* stream) {
  Call call(record_, scripts_, *context, "UploadFile");
  call.Begin(request->header().object().branch());
  call.Tell("request", {{"request", ToJson(*request)},
                        {"header", ToJson(request->header())}});
  ReplyWire wire([&](const std::string& step, const json& value) {
    v1::UploadAndLinkResponse response;
    if (step == "result") {
      *response.mutable_result() = MakeResult(request->header(), "", value);
    } else if (step == "progress") {
      MergeJson(value, *response.mutable_progress());
    } else {
      return false;
    }
    stream->Write(response);
    return true;
  });
  return call.Play(wire);
}

Status ScriptedService::GetPhysicalAddress(
    ServerContext* context, const v1::GetPhysicalAddressRequest* request,
    v1::GetPhysicalAddressResponse* response) {
  Call call(record_, scripts_, *context, "GetPhysicalAddress");
  return PlayPlain(call, request->object().branch(), *request, *response);
}

Status ScriptedService::LinkPhysicalAddress(
    ServerContext* context, const v1::LinkPhysicalAddressRequest* request,
    v1::LinkPhysicalAddressResponse* response) {
  Call call(record_, scripts_, *context, "LinkPhysicalAddress");
  return PlayPlain(call, request->object().branch(), *request, *response);
}

Status ScriptedService::GetUploadOutcome(
    ServerContext* context, const v1::GetUploadOutcomeRequest* request,
    v1::GetUploadOutcomeResponse* response) {
  Call call(record_, scripts_, *context, "GetUploadOutcome");
  const std::string& key = request->has_object() ? request->object().branch()
                                                 : request->request_id();
  return PlayPlain(call, key, *request, *response);
}

Status ScriptedService::DiscardUpload(ServerContext* context,
                                      const v1::DiscardUploadRequest* request,
                                      v1::DiscardUploadResponse* response) {
  Call call(record_, scripts_, *context, "DiscardUpload");
  return PlayPlain(call, request->resume_token(), *request, *response);
}

}  // namespace lakefs::staging::testing
