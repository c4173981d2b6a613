#include "client/upload_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/failure.h"
#include "gateway/base/crc32c.h"

namespace lakefs::staging {
namespace {

// A gateway ends the call right after its result.
constexpr absl::Duration kEndTimeout = absl::Seconds(1);

}  // namespace

UploadStream::UploadStream(const Gateway& gateway,
                           const v1::UploadHeader& header,
                           const UploadOptions& options,
                           ProgressMeter& progress, Listener listener,
                           absl::Time deadline)
    : gateway_(gateway),
      header_(header),
      options_(options),
      progress_(progress),
      listener_(std::move(listener)),
      call_(deadline, options.stop, gateway.authorization),
      stream_(gateway.stub->UploadAndLink(&call_.context())),
      started_(header.resume_token().empty()),
      awaits_start_(!started_) {
  v1::UploadAndLinkRequest first;
  *first.mutable_header() = header;
  stream_->Write(first);
  replies_ = std::thread([this] { ReceiveReplies(); });
}

UploadStream::~UploadStream() {
  if (is_over_) return;
  try {
    End(absl::CancelledError("abandoned")).IgnoreError();
  } catch (...) {  // of a callback; another error is on its way
  }
}

void UploadStream::Send(std::string& data) {
  const int64_t begin = offset_;
  uint32_t crc32c = gateway::Crc32c(data);
  Hash(data, crc32c);
  if (offset_ <= from_) return;  // sent by an earlier call
  v1::UploadChunk& chunk = *chunk_.mutable_chunk();
  chunk.set_write_offset(begin);
  if (begin < from_) {
    data.erase(0, static_cast<size_t>(from_ - begin));
    chunk.set_write_offset(from_);
    crc32c = gateway::Crc32c(data);
  }
  chunk.set_crc32c(crc32c);
  chunk.mutable_data()->swap(data);
  // A failed write means that the call has ended; its status is on its way.
  if (!stream_->Write(chunk_)) {
    AwaitReply();
  } else {
    try {
      progress_.Sent(hashed_bytes_);
    } catch (...) {
      Cancel();
      throw;
    }
  }
}

// Goes on behind `data`. Bytes that go a second time are not hashed again:
// should they differ from the first time, the checksum of the whole shows it.
void UploadStream::Hash(absl::string_view data, uint32_t crc32c) {
  const int64_t end = offset_ + static_cast<int64_t>(data.size());
  if (offset_ == hashed_bytes_) {
    crc32c_ = gateway::ConcatCrc32c(crc32c_, crc32c, data.size());
    hashed_bytes_ = end;
  } else if (end > hashed_bytes_) {
    crc32c_ = gateway::ExtendCrc32c(
        crc32c_, data.substr(static_cast<size_t>(hashed_bytes_ - offset_)));
    hashed_bytes_ = end;
  }
  offset_ = end;
  reached_ = std::max<int64_t>(reached_, end);
}

absl::Status UploadStream::Finish() {
  if (offset_ < from_) {
    return MakeFailure(
        absl::StatusCode::kAborted, kSourceChanged,
        absl::StrCat("the source ends after ", offset_, " bytes, and ", from_,
                     " of it have been sent by an earlier call"),
        v1::OUTCOME_NOT_COMMITTED, v1::UploadFailure::ADVICE_RESTART);
  }
  v1::UploadAndLinkRequest last;
  v1::UploadFinish& finish = *last.mutable_finish();
  finish.set_size_bytes(offset_);
  finish.set_crc32c(crc32c_);
  if (options_.sha256) finish.set_sha256(*options_.sha256);
  if (options_.md5) finish.set_md5(*options_.md5);
  finish_sent_ = true;
  if (!stream_->Write(last)) {
    AwaitReply();
  } else if (!header_.can_rewind()) {
    // Who can rewind keeps the stream open, or could not send again.
    stream_->WritesDone();
  }
  return absl::OkStatus();
}

std::optional<int64_t> UploadStream::TakeRewind() {
  std::optional<int64_t> offset;
  {
    absl::MutexLock lock(&mutex_);
    offset = std::exchange(rewind_, std::nullopt);
  }
  if (!offset) return std::nullopt;
  from_ = *offset;
  finish_sent_ = false;
  if (!std::exchange(started_, true)) {
    reached_ = std::max<int64_t>(reached_, *offset);
    return std::nullopt;
  }
  if (*offset > hashed_bytes_) return std::nullopt;  // not read yet
  offset_ = *offset;
  return offset;
}

bool UploadStream::Wants() { return started_ && !finish_sent_ && !ended(); }

void UploadStream::AwaitReply() {
  absl::MutexLock lock(&mutex_);
  const auto replied = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_ || rewind_.has_value();
  };
  mutex_.Await(absl::Condition(&replied));
}

bool UploadStream::ended() {
  absl::MutexLock lock(&mutex_);
  return ended_;
}

v1::Outcome UploadStream::OutcomeNow() const {
  return finish_sent_ ? v1::OUTCOME_UNKNOWN : v1::OUTCOME_NOT_COMMITTED;
}

absl::StatusOr<v1::UploadResult> UploadStream::End(absl::Status failed) {
  is_over_ = true;
  if (!failed.ok() && !ended()) Cancel();
  const auto is_ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_;
  };
  {
    absl::MutexLock lock(&mutex_);
    mutex_.Await(absl::Condition(&is_ended));
  }
  if (result_ && (header_.can_rewind() || !finish_sent_)) {
    stream_->WritesDone();
  }
  {
    absl::MutexLock lock(&mutex_);
    if (!mutex_.AwaitWithTimeout(absl::Condition(&over_), kEndTimeout)) {
      Cancel();
    }
  }
  replies_.join();
  const grpc::Status status = stream_->Finish();
  if (thrown_ != nullptr) std::rethrow_exception(thrown_);
  // A result is the last word, whatever became of the connection after it.
  if (result_) return *std::move(result_);
  if (!failed.ok()) return failed;
  if (!wrong_.ok()) return wrong_;
  if (!status.ok()) return FromGrpc(status, gateway_.address, OutcomeNow());
  return NoResult(gateway_.address, OutcomeNow());
}

void UploadStream::ReceiveReplies() {
  v1::UploadAndLinkResponse reply;
  try {
    while (stream_->Read(&reply)) Receive(reply);
  } catch (...) {
    thrown_ = std::current_exception();
    Cancel();
    while (stream_->Read(&reply)) {
    }
  }
  {
    absl::MutexLock lock(&mutex_);
    ended_ = over_ = true;
  }
  if (listener_.ended) listener_.ended();
}

void UploadStream::Receive(v1::UploadAndLinkResponse& reply) {
  if (reply.has_progress()) progress_.Told(reply.progress());
  if (reply.has_checkpoint() && listener_.checkpoint) {
    listener_.checkpoint(reply.checkpoint());
  }
  if (reply.has_rewind()) TakeIn(reply.rewind().offset());
  if (!reply.has_result() || result_) return;
  result_ = std::move(*reply.mutable_result());
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  if (listener_.ended) listener_.ended();
}

// Here and not with the sender, whom a gateway that reads no more has blocked.
void UploadStream::TakeIn(int64_t rewind) {
  const bool starts = std::exchange(awaits_start_, false);
  if (rewind < 0 || (!starts && (!header_.can_rewind() || rewind > reached_))) {
    wrong_ = MakeFailure(absl::StatusCode::kInternal, kBadReply,
                         absl::StrCat("the gateway at ", gateway_.address,
                                      " asked for bytes from offset ", rewind,
                                      ", which it cannot have again"),
                         OutcomeNow(), v1::UploadFailure::ADVICE_GIVE_UP);
    Cancel();
    return;
  }
  absl::MutexLock lock(&mutex_);
  rewind_ = rewind;  // takes the place of an earlier one
}

}  // namespace lakefs::staging
