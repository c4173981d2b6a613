// A gateway that keeps objects in memory and does what a test tells it.
#pragma once

#include <grpcpp/server.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging::testing {

// Serves on a free port of 127.0.0.1. Checks everything that the proto asks of
// a client and notes what is wrong in complaints().
//
// What it is to do is set before the call and not changed during it.
class FakeStaging : public v1::Staging::Service {
 public:
  FakeStaging();
  ~FakeStaging() override;

  // Rewinds of the next stream, in order: when `after_bytes` have come (-1:
  // when the finish has come), ask for `offset`.
  struct Rewind {
    int64_t after_bytes;
    int64_t offset;
  };
  std::vector<Rewind> rewinds;

  // Whether to send progress where it is asked for.
  bool sends_progress = true;

  // Called with the number of bytes that have come, before each message of a
  // stream is taken; anything but OK ends the call.
  std::function<grpc::Status(int64_t)> on_bytes;
  // Called when the finish has come, or with the one message of UploadObject.
  std::function<grpc::Status(grpc::ServerContext&)> on_finish;
  // Answered by every call that is no upload.
  grpc::Status unary_status = grpc::Status::OK;
  // Answered by GetUploadOutcome.
  v1::GetUploadOutcomeResponse outcome;

  std::string address() const;
  void StopNow();  // drops the connections

  // What the last upload brought.
  v1::UploadHeader header();
  std::string data();
  std::vector<size_t> chunk_sizes();
  int streams() const { return streams_; }
  int messages() const { return messages_; }
  bool linked() const { return linked_; }
  bool half_closed() const { return half_closed_; }
  std::vector<std::string> complaints();

  v1::GetPhysicalAddressRequest address_request;
  v1::LinkPhysicalAddressRequest link_request;

 private:
  using Stream = grpc::ServerReaderWriter<v1::UploadAndLinkResponse,
                                          v1::UploadAndLinkRequest>;

  grpc::Status UploadAndLink(grpc::ServerContext* context,
                             Stream* stream) override;
  grpc::Status UploadObject(grpc::ServerContext* context,
                            const v1::UploadObjectRequest* request,
                            v1::UploadObjectResponse* response) override;
  grpc::Status GetUploadOutcome(
      grpc::ServerContext*, const v1::GetUploadOutcomeRequest*,
      v1::GetUploadOutcomeResponse* response) override {
    *response = outcome;
    return grpc::Status::OK;
  }
  grpc::Status GetPhysicalAddress(
      grpc::ServerContext* context,
      const v1::GetPhysicalAddressRequest* request,
      v1::GetPhysicalAddressResponse* response) override;
  grpc::Status LinkPhysicalAddress(
      grpc::ServerContext* context,
      const v1::LinkPhysicalAddressRequest* request,
      v1::LinkPhysicalAddressResponse* response) override;

  void TakeChunk(const v1::UploadChunk& chunk);
  bool TakeFinish(const v1::UploadFinish& finish);
  bool AskForRewind(Stream& stream, bool finished);
  v1::UploadResult Result();
  void Complain(const std::string& what);

  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
  std::atomic<int> streams_ = 0;
  std::atomic<int> messages_ = 0;
  std::atomic<bool> linked_ = false;
  std::atomic<bool> half_closed_ = false;
  bool rewinding_ = false;  // drop everything until the offset comes

  absl::Mutex mutex_;
  v1::UploadHeader header_ ABSL_GUARDED_BY(mutex_);
  std::string data_ ABSL_GUARDED_BY(mutex_);
  std::vector<size_t> chunk_sizes_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> complaints_ ABSL_GUARDED_BY(mutex_);
};

// A status with `google.rpc` details, as the gateway makes them.
grpc::Status FailureStatus(grpc::StatusCode code, const std::string& message,
                           const std::string& reason, v1::Outcome outcome,
                           v1::UploadFailure::Advice advice);

}  // namespace lakefs::staging::testing
