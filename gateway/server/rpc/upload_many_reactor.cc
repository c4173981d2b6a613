#include "gateway/server/rpc/upload_many_reactor.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"
#include "gateway/server/rpc/object_message.h"

namespace lakefs::gateway {
namespace {

// What a header may ask of a stream of its own, and not here.
void AddViolations(const pb::UploadHeader& header,
                   std::vector<FieldViolation>& violations) {
  const std::pair<bool, const char*> asked[] = {
      {header.progress(), "header.progress"},
      {header.can_rewind(), "header.can_rewind"},
      {header.resumable(), "header.resumable"},
      {!header.resume_token().empty(), "header.resume_token"},
      {header.sha256_follows(), "header.sha256_follows"},
      {header.md5_follows(), "header.md5_follows"}};
  for (const auto& [is_set, field] : asked) {
    if (is_set) {
      violations.push_back({field, "cannot be had in UploadMany"});
    }
  }
}

}  // namespace

UploadManyReactor::UploadManyReactor(std::unique_ptr<Call> call,
                                     const UploadManyDependencies& dependencies)
    : call_(std::move(call)),
      deps_(dependencies),
      drain_(deps_.calls.until_draining(), [this] {
        Stop(DrainingError("an object without an answer was not begun"));
      }) {
  {
    absl::MutexLock lock(&mu_);
    alarm_.Set(std::chrono::system_clock::now() + call_->context().Remaining(),
               [this](bool ok) {
                 if (ok) {
                   Stop(absl::DeadlineExceededError(
                       "the stream has taken as long as it may"));
                 }
                 LetGo();
               });
    if (end_) alarm_.Cancel();
  }
  if (auto s = call_->AdmitCaller(); !s.ok()) Stop(s);
  absl::MutexLock lock(&mu_);
  ReadOn();
}

void UploadManyReactor::OnReadDone(bool ok) {
  if (!ok) return Stop(absl::OkStatus());
  {
    absl::MutexLock lock(&mu_);
    reading_ = false;
    if (finished_) return;  // a read that was under way
    const uint64_t id = message_.id();
    if (!ids_.insert(id).second) {
      if (stopped_) return;
      stopped_ = MakeError(absl::StatusCode::kInvalidArgument,
                           absl::StrCat("id ", id,
                                        " is that of an object that has no "
                                        "answer yet"),
                           Reason::kBadFrameOrder);
      return GoOn();
    }
    begins_ = true;
    ++at_work_;
  }
  Take();
}

void UploadManyReactor::Take() {
  object_bytes_ = message_.data().size();
  if (object_bytes_ > RequestLimits::kChunkBytes) {
    std::string().swap(*message_.mutable_data());
  }
  room_taken_ = static_cast<int64_t>(message_.data().size());
  if (!deps_.message_room.TryTake(room_taken_)) {
    room_taken_ = 0;
    return Refuse();
  }
  if (!deps_.pool.TryRun([this] { Answer(Upload()); })) Refuse();
}

// Never for what is of this stream alone, of which one object waits at most.
void UploadManyReactor::Refuse() {
  Response response;
  response.set_id(message_.id());
  const auto call = deps_.calls.BeginObject(*call_);
  const absl::Status status = MakeError(
      absl::StatusCode::kResourceExhausted,
      "too many objects of other calls wait (--memory-bytes, or the threads "
      "that the system lets the gateway have)",
      Reason::kTooManyUploads);
  response.set_status(
      call->End(NotCommitted(status), ObjectPath()).error_details());
  Begun();
  Answer(std::move(response));
}

UploadManyReactor::Response UploadManyReactor::Upload() {
  Request message = std::move(message_);
  const size_t bytes = object_bytes_;
  const auto call = deps_.calls.BeginObject(*call_);
  const CallContext& context = call->context();
  const CancelHook ends(call_->context(), [&context] { context.Cancel(); });

  const UploadRequest request = ObjectRequest(message.header(), bytes);
  std::vector<FieldViolation> violations = ObjectViolations(request, bytes);
  AddViolations(message.header(), violations);
  absl::Status status = InvalidRequest(std::move(violations));
  if (status.ok()) status = call->Admit(request.object);
  MemoryBudget::Reservation memory;
  if (status.ok()) {
    call->IsAbout(request.request_id);
    call->Received(bytes);
    auto reserved = deps_.memory.Reserve(context, MemoryBudget::Door::kSmall,
                                         static_cast<int64_t>(bytes));
    status = reserved.status();
    if (reserved.ok()) memory = *std::move(reserved);
  }
  Begun();

  UploadReport report{.link = NotCommitted(status)};
  if (status.ok()) {
    MessageSource source(
        static_cast<int64_t>(bytes), Crc32cOf(message),
        [&message] { return std::move(*message.mutable_data()); },
        std::move(memory));
    UploadProgress progress;
    absl::InsecureBitGen random;
    report = deps_.uploads.Run(context, request, source, progress, random);
  }
  Response response;
  response.set_id(message.id());
  const grpc::Status end = call->End(report, request.object);
  if (end.ok()) {
    *response.mutable_result() = ToProto(report);
  } else {
    response.set_status(end.error_details());
  }
  return response;
}

void UploadManyReactor::Begun() {
  deps_.message_room.GiveBack(std::exchange(room_taken_, 0));
  absl::MutexLock lock(&mu_);
  begins_ = false;
  ReadOn();
}

// Nothing of the stream may be touched after it.
void UploadManyReactor::Answer(Response response) {
  absl::MutexLock lock(&mu_);
  --at_work_;
  answers_.push_back(std::move(response));
  GoOn();
}

void UploadManyReactor::OnWriteDone(bool ok) {
  absl::MutexLock lock(&mu_);
  writing_ = false;
  if (!ok) answers_.clear();  // the caller is gone
  ReadOn();
  GoOn();
}

void UploadManyReactor::OnCancel() {
  {
    absl::MutexLock lock(&mu_);
    gone_ = true;
  }
  call_->context().Cancel();
}

void UploadManyReactor::OnDone() { LetGo(); }

void UploadManyReactor::Stop(const absl::Status& status) {
  absl::MutexLock lock(&mu_);
  if (!stopped_) stopped_ = status;
  GoOn();
}

void UploadManyReactor::ReadOn() {
  if (stopped_ || reading_ || begins_ || Unanswered() >= kMostUnanswered)
    return;
  reading_ = true;
  StartRead(&message_);
}

// Sends the next answer or, behind the last, the end.
void UploadManyReactor::GoOn() {
  if (stopped_ && at_work_ == 0 && !end_) {
    const absl::Status status =
        gone_ && stopped_->ok() ? call_->context().Over() : *stopped_;
    end_ = call_->End(status, ObjectPath());
    alarm_.Cancel();
  }
  if (writing_ || finished_) return;
  if (!answers_.empty()) {
    response_ = std::move(answers_.front());
    answers_.pop_front();
    // Before the caller can know of it, and use the id again.
    ids_.erase(response_.id());
    writing_ = true;
    grpc::WriteOptions options;
    if (!answers_.empty()) options.set_buffer_hint();  // they leave together
    StartWrite(&response_, options);
  } else if (end_ && at_work_ == 0) {
    finished_ = true;
    Finish(*end_);
  }
}

void UploadManyReactor::LetGo() {
  {
    absl::MutexLock lock(&mu_);
    if (--holds_ > 0) return;
  }
  delete this;
}

}  // namespace lakefs::gateway
