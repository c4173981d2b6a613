// One call of the service, as a test makes it.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::gateway::testing {

// What a call came to, with the details of its error unpacked.
struct CallEnd {
  grpc::Status status;
  ::lakefs::staging::v1::UploadResult result;
  std::string reason;   // of the ErrorInfo; empty if it was OK
  std::string call_id;  // of its metadata
  std::optional<::lakefs::staging::v1::UploadFailure> failure;
  std::optional<google::rpc::BadRequest> bad_request;
  std::optional<::lakefs::staging::v1::StagingLocation> try_here;
};

// Unpacks the details of `status`.
CallEnd EndOf(const grpc::Status& status);

::lakefs::staging::v1::UploadHeader HeaderFor(const std::string& path,
                                              bool if_absent = false);

// The message that ends an upload of `data`.
::lakefs::staging::v1::UploadAndLinkRequest FinishOf(const std::string& data);

// The messages of a whole upload, in chunks of 1 MiB with their crc32c.
std::vector<::lakefs::staging::v1::UploadAndLinkRequest> MessagesOf(
    const ::lakefs::staging::v1::UploadHeader& header, const std::string& data);

// Sends the messages by UploadAndLink, half-closes, and waits for the end.
CallEnd Send(
    ::lakefs::staging::v1::Staging::Stub& stub,
    const std::vector<::lakefs::staging::v1::UploadAndLinkRequest>& messages,
    std::chrono::milliseconds timeout = std::chrono::seconds(60));

// The whole in one UploadAndLink, or in one UploadObject.
CallEnd Upload(::lakefs::staging::v1::Staging::Stub& stub,
               const ::lakefs::staging::v1::UploadHeader& header,
               const std::string& data,
               std::chrono::milliseconds timeout = std::chrono::seconds(60));
CallEnd UploadUnary(
    ::lakefs::staging::v1::Staging::Stub& stub,
    const ::lakefs::staging::v1::UploadHeader& header, const std::string& data,
    std::chrono::milliseconds timeout = std::chrono::seconds(60));

// `size` bytes that look random and are the same in every run.
std::string Bytes(size_t size, uint64_t seed = 1);

}  // namespace lakefs::gateway::testing
