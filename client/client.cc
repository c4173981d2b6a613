#include "client/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/call.h"
#include "client/channel.h"
#include "client/failure.h"
#include "client/many_stream.h"
#include "client/upload_header.h"
#include "client/upload_stream.h"
#include "gateway/base/crc32c.h"

namespace lakefs::staging {
namespace {

// Up to here one message is faster than a stream (by a third at 4 KiB), and
// costs little memory.
constexpr int64_t kOneMessageBytes = 1 << 20;

// Long enough for a gateway that is just starting its listeners on a slow
// machine, short enough for a person.
constexpr absl::Duration kConnectTimeout = absl::Seconds(10);

absl::Time DeadlineOf(const CallOptions& options) {
  return absl::Now() + options.timeout;
}

// gRPC crashes on metadata that are not.
bool IsPrintable(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](unsigned char c) { return absl::ascii_isprint(c); });
}

// The same error of an upload or link that has not begun.
absl::Status NothingLinked(const absl::Status& status) {
  const Failure failure = FailureOf(status);
  if (failure.outcome != v1::OUTCOME_UNSPECIFIED) return status;
  return MakeFailure(status.code(), failure.reason, status.message(),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_RETRY_CALL);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const std::string& address, const ChannelOptions& options) {
  auto channel = MakeChannel(address, options);
  if (!channel.ok()) return channel.status();
  return std::unique_ptr<Client>(new Client(address, *std::move(channel)));
}

Client::Client(std::string address, std::shared_ptr<grpc::Channel> channel)
    : address_(std::move(address)),
      channel_(std::move(channel)),
      stub_(v1::Staging::NewStub(channel_)) {}

absl::Status Client::Reach(const CallOptions& options, absl::Time deadline) {
  if (!IsPrintable(options.authorization)) {
    return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                       "the authorization is no line of printable ASCII");
  }
  return WaitForConnection(channel_, address_,
                           std::min(deadline, absl::Now() + kConnectTimeout),
                           options.stop);
}

absl::StatusOr<v1::UploadResult> Client::Upload(Source& source,
                                                const v1::ObjectPath& target,
                                                const UploadOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  const std::optional<int64_t> size = source.size_bytes();
  auto header = MakeUploadHeader(target, options, size);
  if (!header.ok()) return header.status();
  if (absl::Status reached = Reach(options, deadline); !reached.ok()) {
    return NothingLinked(reached);
  }
  header->set_resumable(static_cast<bool>(options.checkpoint));
  header->set_resume_token(options.resume_token);
  if (size && *size <= kOneMessageBytes && options.resume_token.empty()) {
    return UploadInOneMessage(source, *std::move(header), options, deadline);
  }
  header->set_progress(static_cast<bool>(options.progress));
  header->set_can_rewind(source.can_rewind());
  return UploadStream(*stub_, address_, *header, source, options, deadline)
      .Run();
}

absl::StatusOr<v1::UploadResult> Client::UploadSharedFile(
    const std::string& file, const v1::ObjectPath& target,
    const UploadOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  auto header = MakeUploadHeader(target, options, std::nullopt);
  if (!header.ok()) return header.status();
  absl::Status ready = CheckUtf8File(file);
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return NothingLinked(ready);

  v1::UploadFileRequest request;
  header->set_progress(static_cast<bool>(options.progress));
  *request.mutable_header() = *std::move(header);
  request.set_file(file);
  Call call(deadline, options);
  const auto stream = stub_->UploadFile(&call.context(), request);
  v1::UploadAndLinkResponse reply;
  std::optional<v1::UploadResult> result;
  while (stream->Read(&reply)) {
    if (reply.has_result()) result = std::move(*reply.mutable_result());
    if (reply.has_progress() && options.progress) {
      options.progress(reply.progress());
    }
  }
  const grpc::Status status = stream->Finish();
  // A result is the last word, whatever became of the connection after it.
  if (result) return *std::move(result);
  if (!status.ok()) return FromGrpc(status, address_, v1::OUTCOME_UNKNOWN);
  return NoResult(address_, v1::OUTCOME_UNKNOWN);
}

absl::StatusOr<v1::UploadResult> Client::UploadInOneMessage(
    Source& source, v1::UploadHeader header, const CallOptions& options,
    absl::Time deadline) {
  v1::UploadObjectRequest request;
  std::string& data = *request.mutable_data();
  data.resize(static_cast<size_t>(header.size_bytes()));
  const auto read = source.Read(data.data(), data.size());
  if (!read.ok()) return NothingLinked(read.status());
  request.set_crc32c(gateway::Crc32c(data));
  *request.mutable_header() = std::move(header);

  Call call(deadline, options);
  v1::UploadObjectResponse response;
  const grpc::Status status =
      stub_->UploadObject(&call.context(), request, &response);
  if (status.ok()) return std::move(*response.mutable_result());
  return FromGrpc(status, address_, v1::OUTCOME_UNKNOWN);
}

absl::Status Client::UploadMany(const NextObject& next, const TellResult& done,
                                const ManyOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  if (absl::Status s = Reach(options, deadline); !s.ok()) return s;
  return ManyStream(*stub_, address_, next, done, options, deadline).Run();
}

absl::StatusOr<v1::StagingLocation> Client::GetPhysicalAddress(
    const v1::ObjectPath& target, bool presign, const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = CheckUtf8(target);
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return ready;

  v1::GetPhysicalAddressRequest request;
  *request.mutable_object() = target;
  request.set_presign(presign);
  Call call(deadline, options);
  v1::GetPhysicalAddressResponse response;
  const grpc::Status status =
      stub_->GetPhysicalAddress(&call.context(), request, &response);
  if (status.ok()) return std::move(*response.mutable_location());
  return FromGrpc(status, address_, v1::OUTCOME_UNSPECIFIED);
}

absl::StatusOr<v1::LinkPhysicalAddressResponse> Client::LinkPhysicalAddress(
    const v1::ObjectPath& target, const v1::StagingMetadata& metadata,
    const LinkOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = CheckUtf8(target);
  ready.Update(CheckUtf8(metadata.user_metadata(), metadata.content_type()));
  ready.Update(CheckUtf8(options.if_match.value_or("")));
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return NothingLinked(ready);

  v1::LinkPhysicalAddressRequest request;
  *request.mutable_object() = target;
  *request.mutable_metadata() = metadata;
  request.set_if_absent(options.if_absent);
  if (options.if_match) request.set_if_match(*options.if_match);
  Call call(deadline, options);
  v1::LinkPhysicalAddressResponse response;
  const grpc::Status status =
      stub_->LinkPhysicalAddress(&call.context(), request, &response);
  if (status.ok()) return response;
  return FromGrpc(status, address_, v1::OUTCOME_UNKNOWN);
}

absl::StatusOr<v1::GetUploadOutcomeResponse> Client::GetUploadOutcome(
    const std::string& request_id, const std::optional<v1::ObjectPath>& target,
    const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = target ? CheckUtf8(*target) : absl::OkStatus();
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return ready;

  v1::GetUploadOutcomeRequest request;
  request.set_request_id(request_id);
  if (target) *request.mutable_object() = *target;
  Call call(deadline, options);
  v1::GetUploadOutcomeResponse response;
  const grpc::Status status =
      stub_->GetUploadOutcome(&call.context(), request, &response);
  if (status.ok()) return response;
  return FromGrpc(status, address_, v1::OUTCOME_UNSPECIFIED);
}

absl::Status Client::DiscardUpload(const std::string& resume_token,
                                   const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  if (absl::Status s = Reach(options, deadline); !s.ok()) return s;

  v1::DiscardUploadRequest request;
  request.set_resume_token(resume_token);
  Call call(deadline, options);
  v1::DiscardUploadResponse response;
  const grpc::Status status =
      stub_->DiscardUpload(&call.context(), request, &response);
  if (status.ok()) return absl::OkStatus();
  return FromGrpc(status, address_, v1::OUTCOME_UNSPECIFIED);
}

}  // namespace lakefs::staging
