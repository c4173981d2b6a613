#include "client/upload_run.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "client/call.h"
#include "client/failure.h"
#include "client/head_source.h"
#include "client/memory_source.h"
#include "client/request_id.h"
#include "client/upload_header.h"
#include "gateway/base/crc32c.h"

namespace lakefs::staging {
namespace {

constexpr absl::Duration kAskTimeout = absl::Seconds(30);
constexpr absl::Duration kFirstPause = absl::Milliseconds(200);
constexpr absl::Duration kLaterPause = absl::Seconds(1);
constexpr int kFirstAsks = 10;
constexpr size_t kSha256Bytes = 32;
constexpr size_t kMd5Bytes = 16;

absl::Status Invalid(absl::string_view what) {
  return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest, what,
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_FIX_REQUEST);
}

absl::Status CheckOptions(const UploadOptions& options) {
  if (options.attempts < 1) return Invalid("attempts has to be 1 or more");
  if (options.sha256 && options.sha256->size() != kSha256Bytes) {
    return Invalid("sha256 has to have 32 bytes");
  }
  if (options.md5 && options.md5->size() != kMd5Bytes) {
    return Invalid("md5 has to have 16 bytes");
  }
  if ((options.checkpoint || !options.resume_token.empty()) &&
      options.request_id.value_or("").empty()) {
    return Invalid("checkpoint and resume_token need a request_id");
  }
  return absl::OkStatus();
}

// Interrupts a source that blocks when the time of its upload is over.
class Interruption {
 public:
  Interruption(Source& source, absl::Time deadline, std::stop_token stop)
      : on_stop_(stop, [&source] { source.Interrupt(); }) {
    if (deadline == absl::InfiniteFuture()) return;
    watch_ = std::jthread([this, &source, deadline](std::stop_token over) {
      std::unique_lock lock(mutex_);
      changed_.wait_until(lock, over, absl::ToChronoTime(deadline),
                          [] { return false; });
      if (!over.stop_requested()) source.Interrupt();
    });
  }

 private:
  std::stop_callback<std::function<void()>> on_stop_;
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::jthread watch_;
};

bool IsSuccess(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_COMMITTED || outcome == v1::OUTCOME_SUPERSEDED;
}

// The same error of an upload that has not begun.
absl::Status NothingLinked(const absl::Status& status) {
  return FailureOf(status).outcome == v1::OUTCOME_UNSPECIFIED
             ? WithOutcome(status, v1::OUTCOME_NOT_COMMITTED,
                           v1::UploadFailure::ADVICE_RETRY_CALL)
             : status;
}

}  // namespace

UploadRun::UploadRun(const Gateway& gateway, const v1::ObjectPath& target,
                     const UploadOptions& options)
    : gateway_(gateway),
      options_(options),
      deadline_(absl::Now() + options.timeout),
      attempts_(header_, options_),
      progress_(options.progress),
      size_(options.size_bytes) {
  auto header = MakeUploadHeader(target, options, options.size_bytes);
  checked_ = header.status();
  checked_.Update(CheckOptions(options));
  if (!checked_.ok()) return;
  header_ = *std::move(header);
  header_.set_resume_token(options.resume_token);
  if (!options.request_id) {
    header_.set_request_id(NewRequestId());
    header_.set_attempt(1);
  }
}

absl::Status UploadRun::Check() { return checked_; }

absl::Status UploadRun::Judge(const absl::Status& status) {
  // What the caller's own source returned stays as it is.
  return FailureOf(status).reason.empty() ? status : attempts_.Judge(status);
}

absl::StatusOr<v1::UploadResult> UploadRun::OfSource(Source& source) {
  if (!checked_.ok()) return checked_;
  if (!size_) size_ = source.size_bytes();
  Source* from = &source;
  std::optional<HeadSource> headed;
  const Interruption interruption(source, deadline_, options_.stop);
  if (!only_by_stream() &&
      (!size_ || *size_ <= static_cast<int64_t>(kOneMessageBytes))) {
    // One byte more shows that there are more.
    std::string head(
        size_ ? static_cast<size_t>(*size_) + 1 : kOneMessageBytes + 1, '\0');
    const auto read = source.Read(head.data(), head.size());
    if (!read.ok()) {
      const bool ours =
          options_.stop.stop_requested() || absl::Now() >= deadline_;
      return Judge(ours ? Over() : read.status());
    }
    head.resize(*read);
    if (size_ || *read <= kOneMessageBytes) return OfData(std::move(head));
    from = &headed.emplace(std::move(head), source);
  }
  if (size_) header_.set_size_bytes(*size_);
  bool first = true;
  return Repeat(from->can_rewind(), [&]() -> absl::StatusOr<v1::UploadResult> {
    if (!std::exchange(first, false)) {
      absl::Status back = from->Seek(0);
      if (!back.ok()) return back;
    }
    return SendOnce(*from);
  });
}

absl::StatusOr<v1::UploadResult> UploadRun::OfData(std::string data) {
  const auto size = static_cast<int64_t>(data.size());
  if (size_ && *size_ != size) return Judge(SizeMismatch(*size_, size));
  header_.set_size_bytes(size);
  v1::UploadObjectRequest request;
  request.set_crc32c(gateway::Crc32c(data));
  request.set_data(std::move(data));
  return Repeat(true, [&]() -> absl::StatusOr<v1::UploadResult> {
    *request.mutable_header() = header_;
    Call call(deadline_, options_.stop, gateway_.authorization);
    v1::UploadObjectResponse response;
    const grpc::Status status =
        gateway_.stub->UploadObject(&call.context(), request, &response);
    if (!status.ok()) {
      return FromGrpc(status, gateway_.address, v1::OUTCOME_UNKNOWN);
    }
    if (!response.has_result()) {
      return NoResult(gateway_.address, v1::OUTCOME_UNKNOWN);
    }
    return std::move(*response.mutable_result());
  });
}

absl::StatusOr<v1::UploadResult> UploadRun::OfSharedFile(
    const std::string& file) {
  if (!checked_.ok()) return checked_;
  if (absl::Status s = CheckUtf8File(file); !s.ok()) return s;
  return Repeat(true, [&]() -> absl::StatusOr<v1::UploadResult> {
    v1::UploadFileRequest request;
    *request.mutable_header() = header_;
    request.mutable_header()->set_progress(
        static_cast<bool>(options_.progress));
    request.set_file(file);
    Call call(deadline_, options_.stop, gateway_.authorization);
    const auto stream = gateway_.stub->UploadFile(&call.context(), request);
    v1::UploadAndLinkResponse reply;
    std::optional<v1::UploadResult> result;
    try {
      while (stream->Read(&reply)) {
        if (reply.has_result()) result = std::move(*reply.mutable_result());
        if (reply.has_progress()) progress_.Told(reply.progress());
      }
    } catch (...) {
      call.context().TryCancel();
      while (stream->Read(&reply)) {
      }
      stream->Finish();
      throw;
    }
    const grpc::Status status = stream->Finish();
    // A result is the last word, whatever became of the connection after it.
    if (result) return *std::move(result);
    if (status.ok()) return NoResult(gateway_.address, v1::OUTCOME_UNKNOWN);
    return FromGrpc(status, gateway_.address, v1::OUTCOME_UNKNOWN);
  });
}

std::unique_ptr<UploadStream> UploadRun::NewStream(
    std::function<void()> ended) {
  header_.set_progress(static_cast<bool>(options_.progress));
  header_.set_resumable(static_cast<bool>(options_.checkpoint));
  header_.set_sha256_follows(options_.sha256.has_value());
  header_.set_md5_follows(options_.md5.has_value());
  return std::make_unique<UploadStream>(
      gateway_, header_, options_, progress_,
      UploadStream::Listener{
          .checkpoint =
              [this](const v1::UploadCheckpoint& checkpoint) {
                attempts_.KeepToken(checkpoint.token());
                if (options_.checkpoint) options_.checkpoint(checkpoint);
              },
          .ended = std::move(ended)},
      deadline_);
}

absl::StatusOr<v1::UploadResult> UploadRun::SendOnce(Source& source) {
  header_.set_can_rewind(source.can_rewind());
  const auto stream = NewStream([&source] { source.Interrupt(); });
  absl::Status sent = SendAll(*stream, source);
  return stream->End(std::move(sent));
}

// An error is the source's, never the connection's: when the call ends the
// sending stops, and the call's status says why.
absl::Status UploadRun::SendAll(UploadStream& stream, Source& source) {
  while (!stream.ended()) {
    absl::Status status;
    if (const auto offset = stream.TakeRewind()) {
      status = source.Seek(*offset);
    } else if (stream.Wants()) {
      status = SendNext(stream, source);
    } else {
      stream.AwaitReply();
    }
    // A source that was interrupted because the call ended did not fail.
    if (!status.ok()) return stream.ended() ? absl::OkStatus() : status;
  }
  return absl::OkStatus();
}

absl::Status UploadRun::SendNext(UploadStream& stream, Source& source) {
  buffer_.resize(UploadStream::kChunkBytes);
  const auto read = source.Read(buffer_.data(), buffer_.size());
  if (!read.ok()) {
    if (absl::IsCancelled(read.status()) &&
        FailureOf(read.status()).reason.empty()) {
      stream.AwaitReply();  // it was interrupted; the call's status says why
      return absl::OkStatus();
    }
    return read.status();
  }
  const int64_t end = stream.offset() + static_cast<int64_t>(*read);
  if (size_ && (*read == 0 ? end != *size_ : end > *size_)) {
    return SizeMismatch(*size_, end);
  }
  if (*read == 0) return stream.Finish();
  buffer_.resize(*read);
  stream.Send(buffer_);
  return absl::OkStatus();
}

absl::Status UploadRun::Begin() {
  const absl::Time by = attempts_.Begin(gateway_.connect_timeout);
  absl::Status reached = gateway_.Reach(by, deadline_, options_.stop);
  if (!reached.ok()) return NothingLinked(reached);
  attempts_.Connected();
  return absl::OkStatus();
}

absl::StatusOr<v1::UploadResult> UploadRun::Repeat(bool repeatable,
                                                   const Attempt& attempt) {
  while (true) {
    const absl::Status begun = Begin();
    absl::StatusOr<v1::UploadResult> result =
        begun.ok() ? attempt() : absl::StatusOr<v1::UploadResult>(begun);
    if (result.ok()) return Succeed(*std::move(result));
    if (FailureOf(result.status()).reason.empty()) return result;  // his own
    const absl::Status failure = attempts_.Judge(result.status());
    const auto wait = attempts_.Again(failure, repeatable, deadline_);
    if (!wait) {
      const bool unknown =
          FailureOf(failure).outcome == v1::OUTCOME_UNKNOWN && !repeatable;
      if (unknown) return Ask(failure);
      return failure;
    }
    if (options_.on_repetition) options_.on_repetition(failure, *wait);
    if (!Sleep(*wait)) {
      return attempts_.Judge(WithOutcome(Over(), FailureOf(failure).outcome));
    }
  }
}

absl::StatusOr<v1::UploadResult> UploadRun::Conclude(
    absl::StatusOr<v1::UploadResult> result) {
  if (result.ok()) return Succeed(*std::move(result));
  if (FailureOf(result.status()).reason.empty()) return result;
  const absl::Status failure = attempts_.Judge(result.status());
  if (FailureOf(failure).outcome != v1::OUTCOME_UNKNOWN) return failure;
  return Ask(failure);
}

v1::UploadResult UploadRun::Succeed(v1::UploadResult result) {
  progress_.Done(result.object().has_size_bytes() ? result.object().size_bytes()
                                                  : header_.size_bytes());
  return result;
}

absl::StatusOr<v1::UploadResult> UploadRun::Ask(const absl::Status& failure) {
  if (header_.request_id().empty()) return failure;
  const absl::Time until = std::min(deadline_, absl::Now() + kAskTimeout);
  v1::GetUploadOutcomeRequest request;
  request.set_request_id(header_.request_id());
  *request.mutable_object() = header_.object();
  for (int n = 1; absl::Now() < until; ++n) {
    if (gateway_.Reach(until, until, options_.stop).ok()) {
      Call call(until, options_.stop, gateway_.authorization);
      v1::GetUploadOutcomeResponse answer;
      const grpc::Status status =
          gateway_.stub->GetUploadOutcome(&call.context(), request, &answer);
      if (status.ok() && IsSuccess(answer.outcome())) {
        answer.mutable_result()->set_outcome(answer.outcome());
        return Succeed(std::move(*answer.mutable_result()));
      }
      if (status.ok() && !answer.in_progress()) {
        const bool tells =
            answer.has_failure() && answer.outcome() != v1::OUTCOME_UNKNOWN;
        if (!tells) return failure;
        return attempts_.LastWord(ToldLater(answer));
      }
      if (!status.ok() &&
          status.error_code() != grpc::StatusCode::UNAVAILABLE) {
        return failure;
      }
    }
    const absl::Duration pause = n < kFirstAsks ? kFirstPause : kLaterPause;
    if (!Sleep(std::min(pause, until - absl::Now()))) break;
  }
  return failure;
}

bool UploadRun::Sleep(absl::Duration duration) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(
      lock, options_.stop,
      absl::ToChronoMilliseconds(std::max(duration, absl::ZeroDuration())),
      [] { return false; });
  return !options_.stop.stop_requested() && absl::Now() < deadline_;
}

// The error of an upload whose caller wants no more of it.
absl::Status UploadRun::Over() const {
  if (options_.stop.stop_requested()) {
    return MakeFailure(absl::StatusCode::kCancelled, kCancelled,
                       "the call was cancelled", v1::OUTCOME_NOT_COMMITTED,
                       v1::UploadFailure::ADVICE_RETRY_CALL);
  }
  return MakeFailure(absl::StatusCode::kDeadlineExceeded, kDeadlineExceeded,
                     "the call did not finish in time",
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_RETRY_CALL);
}

}  // namespace lakefs::staging
