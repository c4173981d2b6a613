#include "gateway/server/upload_stream.h"

#include <algorithm>
#include <utility>

#include "gateway/base/error.h"
#include "gateway/server/convert.h"

namespace lakefs::gateway {
namespace {

// What follows `finish` is a mistake that must not be linked, so the half-close
// is waited for; but not for ever, since a caller may well wait for its result
// first.
constexpr std::chrono::milliseconds kHalfCloseGrace{500};

}  // namespace

bool UploadStream::Push(pb::UploadAndLinkRequest message) {
  absl::MutexLock lock(&mu_);
  if (message.has_chunk() && !finish_) {
    chunks_.push_back(FromProto(std::move(*message.mutable_chunk())));
    waiting_bytes_ += chunks_.back().data.size();
  } else if (message.has_finish() && !finish_) {
    finish_ = FromProto(message.finish());
  } else if (message.has_header()) {
    Fail("a second header came; exactly one is taken, first");
  } else if (finish_) {
    Fail("a message came after finish");
  } else {
    Fail("a message came that is neither header, chunk nor finish");
  }
  reading_ = error_.ok() && waiting_bytes_ < kMaxWaitingBytes;
  return reading_;
}

void UploadStream::PushEnd() {
  absl::MutexLock lock(&mu_);
  reading_ = false;
  ended_ = true;
}

absl::Status UploadStream::order_error() const {
  absl::MutexLock lock(&mu_);
  return error_;
}

absl::StatusOr<BodyEvent> UploadStream::Next(const CallContext& context) {
  bool read_more = false;
  std::optional<Chunk> chunk;
  {
    absl::MutexLock lock(&mu_);
    context.clock().WaitUntil(mu_, context.deadline(),
                              absl::Condition(this, &UploadStream::Ready));
    if (chunks_.empty() && finish_ && !open_after_finish_) {
      AwaitHalfClose(context);
    }
    if (!error_.ok()) return error_;
    if (!chunks_.empty()) {
      chunk = std::move(chunks_.front());
      chunks_.pop_front();
      waiting_bytes_ -= chunk->data.size();
      read_more = !reading_ && !ended_ && waiting_bytes_ < kMaxWaitingBytes;
      reading_ |= read_more;
    } else if (finish_) {
      return *finish_;
    }
  }
  if (read_more) read_more_();
  if (chunk) return *std::move(chunk);
  if (absl::Status over = context.Over(); !over.ok()) return over;
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "the stream ended without finish; the upload is discarded",
                   Reason::kIncompleteUpload);
}

void UploadStream::AwaitHalfClose(const CallContext& context) {
  const auto closed = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return ended_ || !error_.ok();
  };
  Clock& clock = context.clock();
  clock.WaitUntil(mu_,
                  std::min(context.deadline(), clock.Now() + kHalfCloseGrace),
                  absl::Condition(&closed));
}

bool UploadStream::Ready() const {
  return !chunks_.empty() || finish_ || ended_ || !error_.ok();
}

void UploadStream::Fail(absl::string_view message) {
  if (!error_.ok()) return;
  error_ = MakeError(absl::StatusCode::kInvalidArgument, message,
                     Reason::kBadFrameOrder);
}

}  // namespace lakefs::gateway
