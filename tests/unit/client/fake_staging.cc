#include "tests/unit/client/fake_staging.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lakefs::staging::testing {

FakeStaging::FakeStaging() {
  grpc::ServerBuilder builder;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(),
                           &port_);
  builder.SetMaxReceiveMessageSize(4 * 1024 * 1024 + 16 * 1024);
  builder.RegisterService(this);
  server_ = builder.BuildAndStart();
}

FakeStaging::~FakeStaging() { StopNow(); }

std::string FakeStaging::address() const {
  return absl::StrCat("127.0.0.1:", port_);
}

void FakeStaging::StopNow() {
  server_->Shutdown(std::chrono::system_clock::now());
}

grpc::Status FakeStaging::UploadAndLink(grpc::ServerContext* context,
                                        Stream* stream) {
  ++streams_;
  v1::UploadAndLinkRequest request;
  if (!stream->Read(&request) || !request.has_header()) {
    Complain("the first message is no header");
    return {grpc::StatusCode::INVALID_ARGUMENT, "no header"};
  }
  {
    absl::MutexLock lock(&mutex_);
    header_ = request.header();
    data_.clear();
    chunk_sizes_.clear();
  }
  for (;;) {
    if (on_bytes) {
      const grpc::Status status = on_bytes(data().size());
      if (!status.ok()) return status;
    }
    if (!stream->Read(&request)) {
      Complain("half-closed without a finish");
      return {grpc::StatusCode::INVALID_ARGUMENT, "incomplete"};
    }
    if (request.has_chunk()) TakeChunk(request.chunk());
    if (request.has_header()) Complain("a second header");
    const bool finished = request.has_finish() && TakeFinish(request.finish());
    if (AskForRewind(*stream, finished) || !finished) continue;
    break;
  }
  if (on_finish) {
    const grpc::Status status = on_finish(*context);
    if (!status.ok()) return status;
  }
  linked_ = true;
  if (sends_progress && header().progress()) {
    v1::UploadAndLinkResponse progress;
    progress.mutable_progress()->set_received_bytes(data().size());
    progress.mutable_progress()->set_phase(v1::UploadProgress::PHASE_LINKING);
    stream->Write(progress);
  }
  v1::UploadAndLinkResponse response;
  *response.mutable_result() = Result();
  stream->Write(response);
  // With the result the client has nothing to keep the stream open for.
  half_closed_ = !stream->Read(&request) && !context->IsCancelled();
  return grpc::Status::OK;
}

grpc::Status FakeStaging::UploadObject(grpc::ServerContext* context,
                                       const v1::UploadObjectRequest* request,
                                       v1::UploadObjectResponse* response) {
  ++messages_;
  {
    absl::MutexLock lock(&mutex_);
    header_ = request->header();
    data_ = request->data();
  }
  if (request->crc32c() != gateway::Crc32c(request->data())) {
    Complain("wrong crc32c of the object");
  }
  if (on_finish) {
    const grpc::Status status = on_finish(*context);
    if (!status.ok()) return status;
  }
  linked_ = true;
  *response->mutable_result() = Result();
  return grpc::Status::OK;
}

grpc::Status FakeStaging::GetPhysicalAddress(
    grpc::ServerContext*, const v1::GetPhysicalAddressRequest* request,
    v1::GetPhysicalAddressResponse* response) {
  address_request = *request;
  v1::StagingLocation& location = *response->mutable_location();
  location.set_physical_address("s3://bucket/data/x,y");
  if (request->presign()) {
    location.set_presigned_url("https://store/x?signature");
    location.mutable_presigned_url_expiry()->set_seconds(1714564800);
  }
  return unary_status;
}

grpc::Status FakeStaging::LinkPhysicalAddress(
    grpc::ServerContext*, const v1::LinkPhysicalAddressRequest* request,
    v1::LinkPhysicalAddressResponse* response) {
  link_request = *request;
  response->set_outcome(v1::OUTCOME_COMMITTED);
  response->mutable_object()->set_path(request->object().path());
  return unary_status;
}

void FakeStaging::TakeChunk(const v1::UploadChunk& chunk) {
  absl::MutexLock lock(&mutex_);
  const auto expected = static_cast<int64_t>(data_.size());
  if (rewinding_ && chunk.write_offset() != expected) return;  // in flight
  rewinding_ = false;
  if (chunk.write_offset() != expected) {
    complaints_.push_back(absl::StrCat("offset ", chunk.write_offset(),
                                       " instead of ", expected));
  }
  if (chunk.data().empty()) complaints_.push_back("an empty chunk");
  if (!chunk.has_crc32c() || chunk.crc32c() != gateway::Crc32c(chunk.data())) {
    complaints_.push_back("wrong crc32c of a chunk");
  }
  data_ += chunk.data();
  chunk_sizes_.push_back(chunk.data().size());
}

bool FakeStaging::TakeFinish(const v1::UploadFinish& finish) {
  absl::MutexLock lock(&mutex_);
  if (rewinding_) return false;  // in flight
  if (finish.size_bytes() != static_cast<int64_t>(data_.size())) {
    complaints_.push_back("wrong size in the finish");
  }
  if (!finish.has_crc32c() || finish.crc32c() != gateway::Crc32c(data_)) {
    complaints_.push_back("wrong crc32c in the finish");
  }
  return true;
}

bool FakeStaging::AskForRewind(Stream& stream, bool finished) {
  if (rewinds.empty()) return false;
  const Rewind next = rewinds.front();
  {
    absl::MutexLock lock(&mutex_);
    const bool due =
        next.after_bytes < 0
            ? finished
            : static_cast<int64_t>(data_.size()) >= next.after_bytes;
    if (!due) return false;
    if (next.offset <= static_cast<int64_t>(data_.size())) {
      data_.resize(next.offset);
    }
    rewinding_ = true;
  }
  rewinds.erase(rewinds.begin());
  v1::UploadAndLinkResponse response;
  response.mutable_rewind()->set_offset(next.offset);
  stream.Write(response);
  return true;
}

v1::UploadResult FakeStaging::Result() {
  absl::MutexLock lock(&mutex_);
  v1::UploadResult result;
  result.set_outcome(v1::OUTCOME_COMMITTED);
  result.mutable_object()->set_path(header_.object().path());
  result.mutable_object()->set_size_bytes(data_.size());
  result.set_crc32c(gateway::Crc32c(data_));
  result.set_plan(v1::PLAN_SINGLE_PUT);
  result.set_rounds(1);
  result.set_attempts(3);
  return result;
}

void FakeStaging::Complain(const std::string& what) {
  absl::MutexLock lock(&mutex_);
  complaints_.push_back(what);
}

v1::UploadHeader FakeStaging::header() {
  absl::MutexLock lock(&mutex_);
  return header_;
}

std::string FakeStaging::data() {
  absl::MutexLock lock(&mutex_);
  return data_;
}

std::vector<size_t> FakeStaging::chunk_sizes() {
  absl::MutexLock lock(&mutex_);
  return chunk_sizes_;
}

std::vector<std::string> FakeStaging::complaints() {
  absl::MutexLock lock(&mutex_);
  return complaints_;
}

grpc::Status FailureStatus(grpc::StatusCode code, const std::string& message,
                           const std::string& reason, v1::Outcome outcome,
                           v1::UploadFailure::Advice advice) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason(reason);
  info.set_domain("lakefs.staging");
  (*info.mutable_metadata())["operation"] = "link";
  details.add_details()->PackFrom(info);
  v1::UploadFailure failure;
  failure.set_outcome(outcome);
  failure.set_advice(advice);
  details.add_details()->PackFrom(failure);
  google::rpc::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(2);
  details.add_details()->PackFrom(retry);
  google::rpc::BadRequest bad;
  auto& violation = *bad.add_field_violations();
  violation.set_field("header.object.path");
  violation.set_description("is required");
  details.add_details()->PackFrom(bad);
  return {code, message, details.SerializeAsString()};
}

}  // namespace lakefs::staging::testing
