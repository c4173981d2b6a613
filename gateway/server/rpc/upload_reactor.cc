#include "gateway/server/rpc/upload_reactor.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"

namespace lakefs::gateway {
namespace {

// For the last checkpoint of a call to leave, a part of what a drain keeps.
constexpr std::chrono::seconds kLastCheckpoint{2};

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

void UploadReactor::OnCancel() {
  {
    absl::MutexLock lock(&mu_);
    caller_gone_ = true;
  }
  context_.Cancel();
}

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
  request.caller = call_->CallerName();
  if (request.resumable) {
    progress_.checkpoint = [this](std::string token, int64_t offset) {
      return SendCheckpoint(std::move(token), offset);
    };
  }
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
  if (request.resumable && !report.link.status.ok()) AwaitCheckpoint();
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

bool UploadReactor::SendCheckpoint(std::string token, int64_t offset) {
  absl::MutexLock lock(&mu_);
  if (caller_gone_) return false;
  checkpoint_.emplace().set_token(std::move(token));
  checkpoint_->set_offset(offset);
  call_->SentCheckpoint();
  Write();
  return true;
}

// The call is under way, for a drain too, until its last checkpoint has left;
// but no caller that does not read is waited for long.
void UploadReactor::AwaitCheckpoint() {
  Clock& clock = context_.clock();
  absl::MutexLock lock(&mu_);
  const auto sent = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return caller_gone_ || (!checkpoint_ && !writing_);
  };
  clock.WaitUntil(mu_, clock.Now() + kLastCheckpoint, absl::Condition(&sent));
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

// Writes what is most urgent, if nothing is being written. A caller that gets
// no result gets the last checkpoint before its error.
void UploadReactor::Write() {
  if (writing_) return;
  if (status_ && !(checkpoint_ && !result_ && !caller_gone_)) {
    writing_ = true;
    if (!result_) return Finish(*status_);
    response_ = *std::move(result_);
    return StartWriteAndFinish(&response_, grpc::WriteOptions(), *status_);
  }
  response_.Clear();
  if (rewind_) {
    response_.mutable_rewind()->set_offset(*std::exchange(rewind_, {}));
  } else if (checkpoint_) {
    *response_.mutable_checkpoint() = *std::exchange(checkpoint_, {});
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
