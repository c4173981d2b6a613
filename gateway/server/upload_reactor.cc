#include "gateway/server/upload_reactor.h"

#include <utility>

#include "absl/random/random.h"
#include "gateway/base/error.h"
#include "gateway/server/convert.h"
#include "gateway/server/status_details.h"

namespace lakefs::gateway {

constexpr char kMethod[] = "UploadAndLink";

UploadReactor::UploadReactor(CallContext context, UploadSession& session,
                             WorkerPool& pool)
    : context_(std::move(context)),
      start_(context_.clock().Now()),
      session_(session),
      pool_(pool),
      stream_([this] { StartRead(&message_); }) {
  StartRead(&message_);
}

void UploadReactor::OnReadDone(bool ok) {
  if (over_) return;  // a read that was under way when it was refused
  if (!begun_) {
    if (ok) return Begin();
    return Refuse(MakeError(absl::StatusCode::kInvalidArgument,
                            "the stream ended before its header",
                            Reason::kIncompleteUpload));
  }
  if (!ok) return stream_.PushEnd();
  if (stream_.Push(std::move(message_))) StartRead(&message_);
}

void UploadReactor::OnCancel() {
  context_.Cancel();
  stream_.PushEnd();
}

void UploadReactor::OnDone() { delete this; }

void UploadReactor::Begin() {
  if (!message_.has_header()) {
    return Refuse(MakeError(absl::StatusCode::kInvalidArgument,
                            "the first message is not a header",
                            Reason::kBadFrameOrder));
  }
  begun_ = true;
  if (message_.header().can_rewind()) stream_.KeepOpenAfterFinish();
  UploadRequest request = FromProto(message_.header());
  if (auto s = InvalidRequest(Violations(request)); !s.ok()) return Refuse(s);
  const bool runs =
      pool_.TryRun([this, request = std::move(request)] { Run(request); });
  if (!runs) {
    return Refuse(MakeError(absl::StatusCode::kResourceExhausted,
                            "as many uploads as --max-uploads allows are under "
                            "way",
                            Reason::kTooManyUploads));
  }
  StartRead(&message_);
}

void UploadReactor::Run(const UploadRequest& request) {
  absl::InsecureBitGen random;
  UploadReport report = session_.Run(context_, request, stream_, random);
  // A message out of order cancels nothing that is linked, but is told rather
  // than what it led to.
  if (const auto order = stream_.order_error();
      !order.ok() && !report.link.status.ok()) {
    report.link.status = order;
  }
  LogCall(context_, kMethod, start_, report.link.status, &report.link);
  if (!report.link.status.ok()) {
    return Finish(ToGrpcStatus(NameResource(report.link, request.object),
                               report.attempts));
  }
  *response_.mutable_result() = ToProto(report);
  StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
}

void UploadReactor::Refuse(const absl::Status& status) {
  over_ = true;
  const LinkReport report = NotCommitted(status);
  LogCall(context_, kMethod, start_, status, &report);
  Finish(ToGrpcStatus(report, 0));
}

}  // namespace lakefs::gateway
