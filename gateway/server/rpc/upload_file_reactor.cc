#include "gateway/server/rpc/upload_file_reactor.h"

#include <utility>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"
#include "gateway/staging/intake/file_parts.h"

namespace lakefs::gateway {
namespace {

absl::Status IsOff() {
  return MakeError(
      absl::StatusCode::kUnimplemented,
      "UploadFile is off: this gateway was given no folder by --source-root; "
      "UploadAndLink takes the bytes",
      Reason::kSourceRefused);
}

absl::Status OtherSize(int64_t said, int64_t size) {
  return MakeError(absl::StatusCode::kInvalidArgument,
                   absl::StrCat("header.size_bytes is ", said,
                                ", but the file has ", size, " bytes"),
                   Reason::kSizeMismatch);
}

std::optional<FileUser> UserOf(const Caller& caller) {
  if (!caller.peer) return std::nullopt;
  return FileUser{caller.peer->uid, caller.peer->gid, caller.peer->groups};
}

}  // namespace

UploadFileReactor::UploadFileReactor(std::unique_ptr<Call> call,
                                     const pb::UploadFileRequest& request,
                                     UploadSession& session,
                                     UploadPlaces& places,
                                     const SharedFolders* folders)
    : call_(std::move(call)),
      context_(call_->context()),
      session_(session),
      places_(places),
      folders_(folders),
      request_(FromProto(request.header())),
      file_(request.file()),
      crc32c_(Crc32cOf(request)) {
  if (request.header().progress()) {
    absl::MutexLock lock(&mu_);
    ++holds_;
    SetAlarm();
  }
  absl::Status status = Check(request);
  if (status.ok()) {
    call_->IsAbout(request_.request_id);
    status = call_->Admit(request_.object);
  }
  if (status.ok() && folders_ == nullptr) status = IsOff();
  if (status.ok() && !places_.TryRun([this] { Run(); })) {
    status = NoPlace();
  }
  if (!status.ok()) End(call_->End(NotCommitted(status), ObjectPath()));
}

absl::Status UploadFileReactor::Check(
    const pb::UploadFileRequest& request) const {
  std::vector<FieldViolation> violations = Violations(request_);
  const std::pair<bool, const char*> asked[] = {
      {!request.header().resume_token().empty(), "header.resume_token"},
      {request.header().sha256_follows(), "header.sha256_follows"},
      {request.header().md5_follows(), "header.md5_follows"}};
  for (const auto& [is_set, field] : asked) {
    if (is_set) violations.push_back({field, "cannot be had in UploadFile"});
  }
  return InvalidRequest(std::move(violations));
}

void UploadFileReactor::Run() {
  const UploadReport report = Upload();
  const grpc::Status status = call_->End(report, request_.object);
  if (!status.ok()) return End(status);
  Response response;
  *response.mutable_result() = ToProto(report);
  End(status, std::move(response));
}

UploadReport UploadFileReactor::Upload() {
  const auto file = folders_->OpenFile(file_, UserOf(call_->caller()));
  if (!file.ok()) return {.link = NotCommitted(file.status())};
  const int64_t size = file->size_bytes();
  if (request_.size_bytes.value_or(size) != size) {
    return {.link = NotCommitted(OtherSize(*request_.size_bytes, size))};
  }
  request_.size_bytes = size;
  FileParts parts(*file, crc32c_, progress_);
  absl::InsecureBitGen random;
  return session_.Run(context_, request_, parts, progress_, random);
}

void UploadFileReactor::OnCancel() { context_.Cancel(); }

void UploadFileReactor::OnDone() { LetGo(); }

void UploadFileReactor::End(const grpc::Status& status,
                            std::optional<Response> result) {
  absl::MutexLock lock(&mu_);
  result_ = std::move(result);
  status_ = status;
  alarm_.Cancel();
  Write();
}

void UploadFileReactor::OnWriteDone(bool) {
  // One that failed means a caller that is gone; OnCancel tells.
  absl::MutexLock lock(&mu_);
  writing_ = false;
  Write();
}

// Writes what is most urgent, if nothing is being written.
void UploadFileReactor::Write() {
  if (writing_) return;
  if (status_) {
    writing_ = true;
    if (!result_) return Finish(*status_);
    response_ = *std::move(result_);
    return StartWriteAndFinish(&response_, grpc::WriteOptions(), *status_);
  }
  if (!progress_waits_) return;
  writing_ = true;
  *response_.mutable_progress() = *std::exchange(progress_waits_, {});
  StartWrite(&response_);
}

void UploadFileReactor::SetAlarm() {
  alarm_.Set(std::chrono::system_clock::now() + ProgressNews::kLookEvery,
             [this](bool) { Tick(); });
}

void UploadFileReactor::Tick() {
  {
    absl::MutexLock lock(&mu_);
    if (!status_) {
      auto news = news_.Look(context_.clock().Now());
      if (news) progress_waits_ = std::move(news);
      Write();
      return SetAlarm();
    }
  }
  LetGo();
}

void UploadFileReactor::LetGo() {
  {
    absl::MutexLock lock(&mu_);
    if (--holds_ > 0) return;
  }
  delete this;
}

}  // namespace lakefs::gateway
