#include "tests/testing/many_call.h"

#include "gateway/base/crc32c.h"

namespace lakefs::gateway::testing {

namespace pb = ::lakefs::staging::v1;

CallEnd EndOf(const pb::UploadManyResponse& answer) {
  google::rpc::Status status;
  status.ParseFromString(answer.status());
  CallEnd end = EndOf(grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                                   status.message(), answer.status()));
  end.result = answer.result();
  return end;
}

ManyCall::ManyCall(pb::Staging::Stub& stub, std::chrono::milliseconds timeout) {
  context_.set_deadline(std::chrono::system_clock::now() + timeout);
  stream_ = stub.UploadMany(&context_);
}

bool ManyCall::Send(uint64_t id, const pb::UploadHeader& header,
                    const std::string& data) {
  pb::UploadManyRequest request;
  request.set_id(id);
  *request.mutable_header() = header;
  request.set_data(data);
  request.set_crc32c(Crc32c(data));
  return Send(request);
}

bool ManyCall::Send(const pb::UploadManyRequest& request) {
  return stream_->Write(request);
}

std::optional<pb::UploadManyResponse> ManyCall::Read() {
  pb::UploadManyResponse response;
  if (!stream_->Read(&response)) return std::nullopt;
  return response;
}

}  // namespace lakefs::gateway::testing
