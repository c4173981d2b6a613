#include "gateway/server/rpc/upload_reactor.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"

namespace lakefs::gateway {
namespace {

// A call without its header is nothing yet, and holds no place that is counted.
constexpr std::chrono::seconds kHeaderTime{30};

}  // namespace

UploadReactor::UploadReactor(std::unique_ptr<Call> call, UploadSession& session,
                             UploadPlaces& places)
    : call_(std::move(call)),
      context_(call_->context()),
      session_(session),
      places_(places),
      stream_([this] { StartRead(&message_); },
              [this](int64_t offset) { SendRewind(offset); },
              [this] { return places_.HasToLeave(); }),
      wake_(context_, [this] { Wake(); }) {
  {
    absl::MutexLock lock(&mu_);
    SetAlarm(kHeaderTime);
  }
  StartRead(&message_);
}

void UploadReactor::OnReadDone(bool ok) {
  if (over_) return;  // a read that was under way when it was refused
  if (ok && !begun_ && message_.header().progress()) {
    absl::MutexLock lock(&mu_);
    ticks_ = true;
  }
  if (!begun_.exchange(true)) {
    if (ok) return Begin();
    return Refuse(MakeError(absl::StatusCode::kInvalidArgument,
                            "the stream ended before its header",
                            Reason::kIncompleteUpload));
  }
  if (!ok) return stream_.PushEnd();
  if (message_.has_chunk()) call_->Received(message_.chunk().data().size());
  if (stream_.Push(std::move(message_))) StartRead(&message_);
}

void UploadReactor::OnCancel() { context_.Cancel(); }

void UploadReactor::OnDone() { LetGo(); }

void UploadReactor::Begin() {
  {
    absl::MutexLock lock(&mu_);
    alarm_.Cancel();
  }
  if (!message_.has_header()) {
    return Refuse(MakeError(absl::StatusCode::kInvalidArgument,
                            "the first message is not a header",
                            Reason::kBadFrameOrder));
  }
  if (message_.header().can_rewind()) stream_.KeepOpenAfterFinish();
  UploadRequest request = FromProto(message_.header());
  if (auto s = InvalidRequest(Violations(request)); !s.ok()) return Refuse(s);
  call_->IsAbout(request.request_id);
  if (auto s = call_->Admit(request.object); !s.ok()) return Refuse(s);
  const bool runs =
      places_.TryRun([this, request = std::move(request)] { Run(request); });
  if (!runs) Refuse(NoPlace());
}

void UploadReactor::Run(const UploadRequest& request) {
  absl::InsecureBitGen random;
  UploadReport report =
      session_.Run(context_, request, stream_, progress_, random);
  // A message out of order cancels nothing that is linked, but is told rather
  // than what it led to.
  if (const auto order = stream_.order_error();
      !order.ok() && !report.link.status.ok()) {
    report.link.status = order;
  }
  const grpc::Status status = call_->End(report, request.object);
  if (!status.ok()) return End(status);
  {
    absl::MutexLock lock(&mu_);
    *result_.emplace().mutable_result() = ToProto(report);
  }
  End(grpc::Status::OK);
}

void UploadReactor::Refuse(const absl::Status& status) {
  over_ = true;
  End(call_->End(NotCommitted(status), ObjectPath()));
}

void UploadReactor::SendRewind(int64_t offset) {
  absl::MutexLock lock(&mu_);
  rewind_ = offset;
  Write();
}

void UploadReactor::End(const grpc::Status& status) {
  absl::MutexLock lock(&mu_);
  status_ = status;
  alarm_.Cancel();
  Write();
}

void UploadReactor::OnWriteDone(bool) {
  // One that failed means a caller that is gone; OnCancel tells.
  absl::MutexLock lock(&mu_);
  writing_ = false;
  Write();
}

// Writes what is most urgent, if nothing is being written.
void UploadReactor::Write() {
  if (writing_) return;
  if (status_) {
    writing_ = true;
    if (!result_) return Finish(*status_);
    response_ = *std::move(result_);
    return StartWriteAndFinish(&response_, grpc::WriteOptions(), *status_);
  }
  response_.Clear();
  if (rewind_) {
    response_.mutable_rewind()->set_offset(*std::exchange(rewind_, {}));
  } else if (progress_waits_) {
    *response_.mutable_progress() = *std::exchange(progress_waits_, {});
  } else {
    return;
  }
  writing_ = true;
  StartWrite(&response_);
}

void UploadReactor::Tick(bool ok) {
  if (!begun_.exchange(true)) {
    const absl::Status over = context_.Over();
    Refuse(over.ok() ? MakeError(absl::StatusCode::kInvalidArgument,
                                 absl::StrCat("no header came within ",
                                              kHeaderTime.count(), " seconds"),
                                 Reason::kIncompleteUpload)
                     : over);
    return LetGo();
  }
  {
    absl::MutexLock lock(&mu_);
    if (ticks_ && !status_) {
      // Else it was the header's alarm, put off.
      auto news = ok ? news_.Look(context_.clock().Now()) : std::nullopt;
      if (news) progress_waits_ = std::move(news);
      Write();
      return SetAlarm(ProgressNews::kLookEvery);
    }
  }
  LetGo();
}

void UploadReactor::SetAlarm(Duration span) {
  alarm_.Set(std::chrono::system_clock::now() + span,
             [this](bool ok) { Tick(ok); });
}

// The call was cancelled, by its caller or by a drain.
void UploadReactor::Wake() {
  stream_.PushEnd();
  if (begun_) return;
  absl::MutexLock lock(&mu_);
  alarm_.Cancel();
}

void UploadReactor::LetGo() {
  {
    absl::MutexLock lock(&mu_);
    if (--holds_ > 0) return;
  }
  delete this;
}

}  // namespace lakefs::gateway
