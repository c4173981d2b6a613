#include "client/client.h"

#include <algorithm>
#include <utility>

#include "absl/time/clock.h"
#include "client/call.h"
#include "client/channel.h"
#include "client/failure.h"
#include "client/many_upload.h"
#include "client/upload_header.h"
#include "client/upload_run.h"

namespace lakefs::staging {
namespace {

absl::Time DeadlineOf(const CallOptions& options) {
  return absl::Now() + options.timeout;
}

// The error of a call that is made once.
absl::Status Once(absl::Status status) {
  return WithAttempts(std::move(status), 1, "");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const ChannelOptions& options) {
  return Connect(DefaultGateway(), options);
}

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(
    const std::string& address, const ChannelOptions& options) {
  auto channel = MakeChannel(address, options);
  if (!channel.ok()) return channel.status();
  auto authorization = AuthorizationFor(address, options);
  if (!authorization.ok()) return authorization.status();
  return std::unique_ptr<Client>(new Client(std::unique_ptr<Gateway>(
      new Gateway{.address = address,
                  .authorization = *std::move(authorization),
                  .connect_timeout = options.connect_timeout,
                  .channel = *std::move(channel)})));
}

absl::Status Client::Reach(const CallOptions& options,
                           absl::Time deadline) const {
  return gateway_->Reach(absl::Now() + gateway_->connect_timeout, deadline,
                         options.stop);
}

absl::StatusOr<v1::UploadResult> Client::Upload(Source& source,
                                                const v1::ObjectPath& target,
                                                const UploadOptions& options) {
  return UploadRun(*gateway_, target, options).OfSource(source);
}

std::unique_ptr<Writer> Client::NewWriter(const v1::ObjectPath& target,
                                          const UploadOptions& options) {
  return std::make_unique<Writer>(
      std::make_unique<UploadRun>(*gateway_, target, options));
}

absl::StatusOr<v1::UploadResult> Client::UploadSharedFile(
    const std::string& file, const v1::ObjectPath& target,
    const UploadOptions& options) {
  return UploadRun(*gateway_, target, options).OfSharedFile(file);
}

void Client::UploadMany(const NextObject& next, const TellResult& done,
                        const ManyOptions& options) {
  ManyUpload(*gateway_, next, done, options).Run();
}

absl::StatusOr<v1::StagingLocation> Client::GetPhysicalAddress(
    const v1::ObjectPath& target, bool presign, const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = CheckUtf8(target);
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return Once(ready);

  v1::GetPhysicalAddressRequest request;
  *request.mutable_object() = target;
  request.set_presign(presign);
  Call call(deadline, options.stop, gateway_->authorization);
  v1::GetPhysicalAddressResponse response;
  const grpc::Status status =
      gateway_->stub->GetPhysicalAddress(&call.context(), request, &response);
  if (status.ok()) return std::move(*response.mutable_location());
  return Once(FromGrpc(status, gateway_->address, v1::OUTCOME_UNSPECIFIED));
}

absl::StatusOr<v1::LinkPhysicalAddressResponse> Client::LinkPhysicalAddress(
    const v1::ObjectPath& target, const v1::StagingMetadata& metadata,
    const LinkOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = CheckUtf8(target);
  ready.Update(CheckUtf8(metadata.user_metadata(), metadata.content_type()));
  ready.Update(CheckUtf8(options.if_match.value_or("")));
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) {
    return WithOutcome(ready, v1::OUTCOME_NOT_COMMITTED,
                       v1::UploadFailure::ADVICE_RETRY_CALL);
  }

  v1::LinkPhysicalAddressRequest request;
  *request.mutable_object() = target;
  *request.mutable_metadata() = metadata;
  request.set_if_absent(options.if_absent);
  if (options.if_match) request.set_if_match(*options.if_match);
  Call call(deadline, options.stop, gateway_->authorization);
  v1::LinkPhysicalAddressResponse response;
  const grpc::Status status =
      gateway_->stub->LinkPhysicalAddress(&call.context(), request, &response);
  if (status.ok()) return response;
  return Once(FromGrpc(status, gateway_->address, v1::OUTCOME_UNKNOWN));
}

absl::StatusOr<v1::GetUploadOutcomeResponse> Client::GetUploadOutcome(
    const std::string& request_id, const std::optional<v1::ObjectPath>& target,
    const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  absl::Status ready = target ? CheckUtf8(*target) : absl::OkStatus();
  if (ready.ok()) ready = Reach(options, deadline);
  if (!ready.ok()) return Once(ready);

  v1::GetUploadOutcomeRequest request;
  request.set_request_id(request_id);
  if (target) *request.mutable_object() = *target;
  Call call(deadline, options.stop, gateway_->authorization);
  v1::GetUploadOutcomeResponse response;
  const grpc::Status status =
      gateway_->stub->GetUploadOutcome(&call.context(), request, &response);
  if (status.ok()) return response;
  return Once(FromGrpc(status, gateway_->address, v1::OUTCOME_UNSPECIFIED));
}

absl::Status Client::DiscardUpload(const std::string& resume_token,
                                   const CallOptions& options) {
  const absl::Time deadline = DeadlineOf(options);
  if (absl::Status s = Reach(options, deadline); !s.ok()) return Once(s);

  v1::DiscardUploadRequest request;
  request.set_resume_token(resume_token);
  Call call(deadline, options.stop, gateway_->authorization);
  v1::DiscardUploadResponse response;
  const grpc::Status status =
      gateway_->stub->DiscardUpload(&call.context(), request, &response);
  if (status.ok()) return absl::OkStatus();
  return Once(FromGrpc(status, gateway_->address, v1::OUTCOME_UNSPECIFIED));
}

}  // namespace lakefs::staging
