#include "client/writer.h"

#include <algorithm>
#include <utility>

#include "client/failure.h"

namespace lakefs::staging {
namespace {

constexpr size_t kChunkBytes = UploadStream::kChunkBytes;

absl::Status Aborted() {
  return absl::FailedPreconditionError(
      "the writer was aborted; nothing was linked");
}

}  // namespace

absl::Status Writer::Write(absl::string_view data) {
  if (committed_) {
    return absl::FailedPreconditionError("the writer has been committed");
  }
  if (end_) return end_->ok() ? absl::OkStatus() : end_->status();
  {
    absl::MutexLock lock(&mutex_);
    if (aborted_) return Aborted();
  }
  while (!data.empty()) {
    // The first chunk waits for one byte more, which shows that there are more.
    const size_t room = kOneMessageBytes + 1 - buffer_.size();
    const size_t taken = std::min(room, data.size());
    buffer_.append(data.data(), taken);
    data.remove_prefix(taken);
    if (buffer_.size() <= kOneMessageBytes) break;
    if (absl::Status sent = SendFull(); !sent.ok()) return sent;
    if (end_) break;  // it had been linked before
  }
  return absl::OkStatus();
}

absl::Status Writer::SendFull() {
  if (absl::Status started = Start(); !started.ok()) return started;
  std::string rest = buffer_.substr(kChunkBytes);
  buffer_.resize(kChunkBytes);
  absl::Status sent = Send(buffer_);
  buffer_.assign(rest);
  return sent;
}

absl::Status Writer::Start() {
  {
    absl::MutexLock lock(&mutex_);
    if (aborted_) return Aborted();
    if (stream_ != nullptr) return absl::OkStatus();
  }
  absl::Status begun = run_->Check();
  if (begun.ok()) begun = run_->Begin();
  if (!begun.ok()) return Conclude(run_->Judge(begun));
  absl::MutexLock lock(&mutex_);
  stream_ = run_->NewStream(nullptr);
  return absl::OkStatus();
}

absl::Status Writer::Send(std::string& data) {
  UploadStream* stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.get();
  }
  const std::optional<int64_t> told = run_->options().size_bytes;
  const int64_t end = stream->offset() + static_cast<int64_t>(data.size());
  if (told && end > *told) return Conclude(SizeMismatch(*told, end));
  while (!stream->ended() && !stream->Wants()) {
    stream->AwaitReply();
    stream->TakeRewind();
  }
  if (!stream->ended()) stream->Send(data);
  return stream->ended() ? Conclude(absl::OkStatus()) : absl::OkStatus();
}

absl::Status Writer::Conclude(absl::Status failed) {
  std::unique_ptr<UploadStream> stream;
  {
    absl::MutexLock lock(&mutex_);
    stream.swap(stream_);
  }
  buffer_ = std::string();
  if (stream == nullptr) {
    end_ = std::move(failed);
  } else {
    end_ = run_->Conclude(stream->End(std::move(failed)));
  }
  return end_->ok() ? absl::OkStatus() : end_->status();
}

absl::StatusOr<v1::UploadResult> Writer::Commit() {
  {
    absl::MutexLock lock(&mutex_);
    if (aborted_ && !committed_) return Aborted();
  }
  committed_ = true;
  if (!end_) end_ = Finish();
  return *end_;
}

absl::StatusOr<v1::UploadResult> Writer::Finish() {
  bool streams;
  {
    absl::MutexLock lock(&mutex_);
    streams = stream_ != nullptr;
  }
  if (!streams && !run_->only_by_stream()) {
    if (absl::Status s = run_->Check(); !s.ok()) return s;
    return run_->OfData(std::move(buffer_));
  }
  absl::Status sent = Start();
  if (sent.ok() && !end_ && !buffer_.empty()) {
    std::string last = std::move(buffer_);
    sent = Send(last);
  }
  if (end_) return *end_;
  if (!sent.ok()) return sent;
  UploadStream* stream;
  {
    absl::MutexLock lock(&mutex_);
    stream = stream_.get();
  }
  while (!stream->ended() && !stream->Wants()) {
    stream->AwaitReply();
    stream->TakeRewind();
  }
  absl::Status failed;
  if (!stream->ended()) {
    const std::optional<int64_t> told = run_->options().size_bytes;
    failed = told && *told != stream->offset()
                 ? SizeMismatch(*told, stream->offset())
                 : stream->Finish();
  }
  Conclude(std::move(failed)).IgnoreError();
  return *end_;
}

void Writer::Abort() {
  absl::MutexLock lock(&mutex_);
  if (committed_ || end_) return;
  aborted_ = true;
  if (stream_ != nullptr) stream_->Cancel();
}

}  // namespace lakefs::staging
