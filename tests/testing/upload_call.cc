#include "tests/testing/upload_call.h"

#include <cstring>
#include <random>

#include "gateway/base/crc32c.h"

namespace lakefs::gateway::testing {

namespace pb = ::lakefs::staging::v1;

namespace {

constexpr size_t kChunk = 1 << 20;

void SetDeadline(grpc::ClientContext& context,
                 std::chrono::milliseconds timeout) {
  context.set_deadline(std::chrono::system_clock::now() + timeout);
}

}  // namespace

CallEnd EndOf(const grpc::Status& status) {
  CallEnd end{.status = status};
  google::rpc::Status details;
  details.ParseFromString(status.error_details());
  for (const auto& detail : details.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad;
    pb::UploadFailure failure;
    pb::StagingLocation location;
    if (detail.UnpackTo(&info)) {
      end.reason = info.reason();
      end.call_id = info.metadata().count("callId") != 0
                        ? info.metadata().at("callId")
                        : "";
    }
    if (detail.UnpackTo(&bad)) end.bad_request = bad;
    if (detail.UnpackTo(&failure)) end.failure = failure;
    if (detail.UnpackTo(&location)) end.try_here = location;
  }
  return end;
}

pb::UploadHeader HeaderFor(const std::string& path, bool if_absent) {
  pb::UploadHeader header;
  header.mutable_object()->set_repository("quickstart");
  header.mutable_object()->set_branch("main");
  header.mutable_object()->set_path(path);
  header.set_if_absent(if_absent);
  return header;
}

pb::UploadAndLinkRequest FinishOf(const std::string& data) {
  pb::UploadAndLinkRequest message;
  pb::UploadFinish& finish = *message.mutable_finish();
  finish.set_size_bytes(static_cast<int64_t>(data.size()));
  finish.set_crc32c(Crc32c(data));
  return message;
}

std::vector<pb::UploadAndLinkRequest> MessagesOf(const pb::UploadHeader& header,
                                                 const std::string& data) {
  std::vector<pb::UploadAndLinkRequest> messages(1);
  *messages[0].mutable_header() = header;
  for (size_t offset = 0; offset < data.size(); offset += kChunk) {
    auto& chunk = *messages.emplace_back().mutable_chunk();
    chunk.set_write_offset(static_cast<int64_t>(offset));
    chunk.set_data(data.substr(offset, kChunk));
    chunk.set_crc32c(Crc32c(chunk.data()));
  }
  messages.push_back(FinishOf(data));
  return messages;
}

CallEnd Send(pb::Staging::Stub& stub,
             const std::vector<pb::UploadAndLinkRequest>& messages,
             std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  SetDeadline(context, timeout);
  auto stream = stub.UploadAndLink(&context);
  for (const auto& message : messages) {
    if (!stream->Write(message)) break;
  }
  stream->WritesDone();
  pb::UploadAndLinkResponse response;
  pb::UploadResult result;
  while (stream->Read(&response)) {
    if (response.has_result()) result = response.result();
  }
  CallEnd end = EndOf(stream->Finish());
  end.result = result;
  return end;
}

CallEnd Upload(pb::Staging::Stub& stub, const pb::UploadHeader& header,
               const std::string& data, std::chrono::milliseconds timeout) {
  return Send(stub, MessagesOf(header, data), timeout);
}

CallEnd UploadUnary(pb::Staging::Stub& stub, const pb::UploadHeader& header,
                    const std::string& data,
                    std::chrono::milliseconds timeout) {
  grpc::ClientContext context;
  SetDeadline(context, timeout);
  pb::UploadObjectRequest request;
  *request.mutable_header() = header;
  request.set_data(data);
  request.set_crc32c(Crc32c(data));
  pb::UploadObjectResponse response;
  CallEnd end = EndOf(stub.UploadObject(&context, request, &response));
  end.result = response.result();
  return end;
}

std::string Bytes(size_t size, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::string data(size, '\0');
  for (size_t i = 0; i < size; i += 8) {
    const uint64_t word = random();
    std::memcpy(&data[i], &word, std::min<size_t>(8, size - i));
  }
  return data;
}

}  // namespace lakefs::gateway::testing
