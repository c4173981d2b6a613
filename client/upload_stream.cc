#include "client/upload_stream.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/failure.h"
#include "gateway/base/crc32c.h"

namespace lakefs::staging {
namespace {

// Chunks of 64 KiB cost a third more CPU; those of 4 MiB are no faster.
constexpr size_t kChunkBytes = 1 << 20;

}  // namespace

UploadStream::UploadStream(v1::Staging::Stub& stub, const std::string& address,
                           const v1::UploadHeader& header, Source& source,
                           const UploadOptions& options, absl::Time deadline)
    : address_(address),
      header_(header),
      source_(source),
      checkpoint_(options.checkpoint),
      progress_(options.progress),
      call_(deadline, options),
      stream_(stub.UploadAndLink(&call_.context())),
      waits_for_start_(!header.resume_token().empty()) {}

absl::StatusOr<v1::UploadResult> UploadStream::Run() {
  std::thread replies([this] { ReceiveReplies(); });
  const absl::Status sent = Send();
  // Without this the gateway would wait for the rest. It links nothing: the
  // finish is missing.
  if (!sent.ok()) {
    call_.context().TryCancel();
  } else if (header_.can_rewind()) {
    stream_->WritesDone();
  }
  replies.join();
  const grpc::Status status = stream_->Finish();
  // A result is the last word, whatever became of the connection after it.
  if (result_) return *std::move(result_);
  if (!sent.ok()) return sent;
  const v1::Outcome outcome =
      finish_sent_ ? v1::OUTCOME_UNKNOWN : v1::OUTCOME_NOT_COMMITTED;
  if (!status.ok()) return FromGrpc(status, address_, outcome);
  return NoResult(address_, outcome);
}

absl::Status UploadStream::Send() {
  v1::UploadAndLinkRequest first;
  *first.mutable_header() = header_;
  stream_->Write(first);
  while (!ended()) {
    absl::Status status;
    if (const auto offset = TakeRewind()) {
      status = Rewind(*offset);
    } else if (finish_sent_ || waits_for_start_) {
      WaitForReply();
    } else {
      status = SendNext();
    }
    // A source that was interrupted because the call ended did not fail.
    if (!status.ok()) return ended() ? absl::OkStatus() : status;
  }
  return absl::OkStatus();
}

absl::Status UploadStream::SendNext() {
  std::string& data = *chunk_.mutable_chunk()->mutable_data();
  data.resize(kChunkBytes);
  const auto size = source_.Read(data.data(), data.size());
  if (!size.ok()) return size.status();
  // A failed write means that the call has ended; its status is on its way.
  const bool written = *size > 0 ? SendChunk(*size) : SendFinish();
  if (!written) WaitForReply();
  return absl::OkStatus();
}

bool UploadStream::SendChunk(size_t size) {
  v1::UploadChunk& chunk = *chunk_.mutable_chunk();
  chunk.mutable_data()->resize(size);
  chunk.set_write_offset(offset_);
  chunk.set_crc32c(gateway::Crc32c(chunk.data()));
  Hash(chunk.data(), chunk.crc32c());
  if (!stream_->Write(chunk_)) return false;
  progress_.Sent(hashed_bytes_);
  return true;
}

// Goes on behind `data`. Bytes that go a second time are not hashed again:
// should they differ from the first time, the checksum of the whole shows it.
void UploadStream::Hash(absl::string_view data, uint32_t crc32c) {
  const int64_t end = offset_ + static_cast<int64_t>(data.size());
  if (offset_ == hashed_bytes_) {
    crc32c_ = gateway::ConcatCrc32c(crc32c_, crc32c, data.size());
    hashed_bytes_ = end;
  } else if (end > hashed_bytes_) {
    crc32c_ =
        gateway::ExtendCrc32c(crc32c_, data.substr(hashed_bytes_ - offset_));
    hashed_bytes_ = end;
  }
  offset_ = end;
}

bool UploadStream::SendFinish() {
  v1::UploadAndLinkRequest last;
  last.mutable_finish()->set_size_bytes(offset_);
  last.mutable_finish()->set_crc32c(crc32c_);
  finish_sent_ = true;
  if (!stream_->Write(last)) return false;
  // Who can rewind keeps the stream open, or could not send again.
  if (!header_.can_rewind()) stream_->WritesDone();
  return true;
}

absl::Status UploadStream::Rewind(int64_t offset) {
  if (std::exchange(waits_for_start_, false)) return SkipTo(offset);
  if (!header_.can_rewind() || offset < 0 || offset > offset_) {
    return MakeFailure(
        absl::StatusCode::kInternal, kBadReply,
        absl::StrCat("the gateway at ", address_,
                     " asked for bytes from offset ", offset,
                     " that it cannot have again"),
        finish_sent_ ? v1::OUTCOME_UNKNOWN : v1::OUTCOME_NOT_COMMITTED,
        v1::UploadFailure::ADVICE_GIVE_UP);
  }
  if (absl::Status status = source_.Seek(offset); !status.ok()) return status;
  offset_ = offset;
  finish_sent_ = false;
  return absl::OkStatus();
}

// What was sent by an earlier call is hashed again: should it have changed
// since, the checksum of the whole shows it, and nothing is linked.
absl::Status UploadStream::SkipTo(int64_t offset) {
  std::string& data = *chunk_.mutable_chunk()->mutable_data();
  while (offset_ < offset && !ended()) {
    data.resize(
        static_cast<size_t>(std::min<int64_t>(kChunkBytes, offset - offset_)));
    const auto size = source_.Read(data.data(), data.size());
    if (!size.ok()) return size.status();
    if (*size == 0) {
      return MakeFailure(
          absl::StatusCode::kAborted, kSourceChanged,
          absl::StrCat("the source ends after ", offset_, " bytes, and ",
                       offset, " of it have been sent by an earlier call"),
          v1::OUTCOME_NOT_COMMITTED, v1::UploadFailure::ADVICE_RESTART);
    }
    data.resize(*size);
    Hash(data, gateway::Crc32c(data));
  }
  return absl::OkStatus();
}

std::optional<int64_t> UploadStream::TakeRewind() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(rewind_, std::nullopt);
}

void UploadStream::WaitForReply() {
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

void UploadStream::ReceiveReplies() {
  v1::UploadAndLinkResponse reply;
  while (stream_->Read(&reply)) Receive(reply);
  {
    absl::MutexLock lock(&mutex_);
    ended_ = true;
  }
  source_.Interrupt();
}

void UploadStream::Receive(v1::UploadAndLinkResponse& reply) {
  if (reply.has_progress()) progress_.Told(reply.progress());
  if (reply.has_checkpoint() && checkpoint_) checkpoint_(reply.checkpoint());
  absl::MutexLock lock(&mutex_);
  if (reply.has_rewind()) rewind_ = reply.rewind().offset();
  if (reply.has_result()) {
    result_ = std::move(*reply.mutable_result());
    ended_ = true;
  }
}

}  // namespace lakefs::staging
