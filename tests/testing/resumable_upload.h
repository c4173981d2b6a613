// A whole upload that can be gone on with, by a caller who reads while he
// sends.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {

// One UploadAndLink of `data`, or of what comes behind the token's offset. It
// takes the newest token to `token`, which is read when Run() is over.
class ResumableUpload {
 public:
  ResumableUpload(GatewayProcess& gateway,
                  const ::lakefs::staging::v1::UploadHeader& header,
                  const std::string& data, std::string& token)
      : header_(header), data_(data), token_(token), stub_(gateway.NewStub()) {
    context_.set_deadline(std::chrono::system_clock::now() +
                          std::chrono::seconds(60));
  }

  // `dies_at`: how far the caller comes.
  CallEnd Run(size_t dies_at) {
    stream_ = stub_->UploadAndLink(&context_);
    ::lakefs::staging::v1::UploadAndLinkRequest first;
    *first.mutable_header() = header_;
    first.mutable_header()->set_resume_token(token_);
    stream_->Write(first);
    const bool goes_on = !token_.empty();
    std::thread replies([this] { Receive(); });
    if (!goes_on || AwaitRewind()) Send(dies_at);
    replies.join();
    CallEnd end = EndOf(stream_->Finish());
    end.result = result_;
    if (has_result_) end.status = grpc::Status::OK;
    return end;
  }
  // As a caller who is killed. From any thread, while it runs.
  void Cancel() { context_.TryCancel(); }
  bool resumed() const { return resumed_; }

 private:
  static constexpr size_t kChunk = 1 << 20;

  void Receive() {
    ::lakefs::staging::v1::UploadAndLinkResponse response;
    while (stream_->Read(&response)) {
      if (response.has_checkpoint()) token_ = response.checkpoint().token();
      if (response.has_result()) {
        result_ = response.result();
        has_result_ = true;
      }
      if (response.has_rewind()) {
        absl::MutexLock lock(&mu_);
        offset_ = response.rewind().offset();
      }
    }
    absl::MutexLock lock(&mu_);
    over_ = true;
  }
  bool AwaitRewind() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(
        +[](ResumableUpload* call) {
          return call->over_ || call->offset_.has_value();
        },
        this));
    if (!offset_) return false;
    sent_ = static_cast<size_t>(*offset_);
    return resumed_ = true;
  }
  void Send(size_t dies_at) {
    while (sent_ < data_.size()) {
      if (sent_ >= dies_at) return context_.TryCancel();
      ::lakefs::staging::v1::UploadAndLinkRequest message;
      ::lakefs::staging::v1::UploadChunk& chunk = *message.mutable_chunk();
      chunk.set_write_offset(static_cast<int64_t>(sent_));
      chunk.set_data(data_.substr(sent_, kChunk));
      if (!stream_->Write(message)) return;
      sent_ += chunk.data().size();
    }
    stream_->Write(FinishOf(data_));
    stream_->WritesDone();
  }

  const ::lakefs::staging::v1::UploadHeader& header_;
  const std::string& data_;
  std::string& token_;
  const std::unique_ptr<::lakefs::staging::v1::Staging::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<::lakefs::staging::v1::UploadAndLinkRequest,
                               ::lakefs::staging::v1::UploadAndLinkResponse>>
      stream_;
  size_t sent_ = 0;
  bool resumed_ = false;
  bool has_result_ = false;
  ::lakefs::staging::v1::UploadResult result_;
  absl::Mutex mu_;
  std::optional<int64_t> offset_ ABSL_GUARDED_BY(mu_);
  bool over_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace lakefs::gateway::testing
