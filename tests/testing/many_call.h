// One UploadMany, as a test makes it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {

// What the answer says, with the details of its error unpacked.
CallEnd EndOf(const ::lakefs::staging::v1::UploadManyResponse& answer);

// Threads: one may send while another reads.
class ManyCall {
 public:
  explicit ManyCall(
      ::lakefs::staging::v1::Staging::Stub& stub,
      std::chrono::milliseconds timeout = std::chrono::seconds(60));

  // False once the stream has ended.
  bool Send(uint64_t id, const ::lakefs::staging::v1::UploadHeader& header,
            const std::string& data);
  bool Send(const ::lakefs::staging::v1::UploadManyRequest& request);
  void HalfClose() { stream_->WritesDone(); }
  void Cancel() { context_.TryCancel(); }

  // The next answer; none when the stream has ended.
  std::optional<::lakefs::staging::v1::UploadManyResponse> Read();

  // How it ended; the answers must have been read.
  CallEnd Finish() { return EndOf(stream_->Finish()); }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<
      grpc::ClientReaderWriter<::lakefs::staging::v1::UploadManyRequest,
                               ::lakefs::staging::v1::UploadManyResponse>>
      stream_;
};

}  // namespace lakefs::gateway::testing
