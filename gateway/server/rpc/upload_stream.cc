#include "gateway/server/rpc/upload_stream.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"

namespace lakefs::gateway {
namespace {

// What follows `finish` is a mistake that must not be linked, so the half-close
// is waited for; but not for ever, since a caller may well wait for its result
// first.
constexpr std::chrono::milliseconds kHalfCloseGrace{500};

// How long a stream that has ended without finish may still turn out to be that
// of a caller that is gone.
constexpr std::chrono::milliseconds kGoneGrace{500};

}  // namespace

bool UploadStream::Push(pb::UploadAndLinkRequest message) {
  absl::MutexLock lock(&mu_);
  reading_ = false;
  if (message.has_chunk() && !finish_) {
    Take(FromProto(std::move(*message.mutable_chunk())));
  } else if (message.has_finish() && !finish_) {
    // One that was on its way when the caller was asked to send again does not
    // count, unless nothing was to be sent before it.
    if (rewound_to_ && *rewound_to_ == message.finish().size_bytes()) {
      rewound_to_.reset();
    }
    if (!rewound_to_) finish_ = FromProto(message.finish());
  } else if (message.has_header()) {
    Fail("a second header came; exactly one is taken, first");
  } else if (finish_) {
    Fail("a message came after finish");
  } else {
    Fail("a message came that is neither header, chunk nor finish");
  }
  return StartRead();
}

void UploadStream::Take(Chunk chunk) {
  if (rewound_to_ && *rewound_to_ != chunk.write_offset) return;
  rewound_to_.reset();
  credit_ -= static_cast<int64_t>(chunk.data.size());
  chunks_.push_back(std::move(chunk));
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

void UploadStream::Grant(int64_t bytes) {
  {
    absl::MutexLock lock(&mu_);
    // What came unasked after a Withdraw is the upload's to account for.
    credit_ = std::max<int64_t>(credit_, 0) + bytes;
    if (!StartRead()) return;
  }
  read_more_();
}

void UploadStream::Withdraw() {
  absl::MutexLock lock(&mu_);
  credit_ = 0;
}

bool UploadStream::StartRead() {
  if (reading_ || ended_ || !error_.ok()) return false;
  // Behind the finish only the half-close is read, from who makes one.
  reading_ = finish_ ? !open_after_finish_ : credit_ > 0 || rewound_to_;
  return reading_;
}

absl::StatusOr<BodyEvent> UploadStream::Next(const CallContext& context,
                                             TimePoint until) {
  bool ended = false;
  bool reading = false;
  const TimePoint begin = context.clock().Now();
  {
    absl::MutexLock lock(&mu_);
    context.clock().WaitUntil(mu_, std::min(until, context.deadline()),
                              absl::Condition(this, &UploadStream::Ready));
    if (chunks_.empty() && finish_ && !open_after_finish_) {
      AwaitHalfClose(context);
    }
    if (!error_.ok()) return error_;
    if (!chunks_.empty()) {
      Chunk chunk = std::move(chunks_.front());
      chunks_.pop_front();
      silent_since_.reset();
      return chunk;
    }
    if (finish_) return *finish_;
    ended = ended_;
    reading = reading_;
  }
  // Under no lock: a cancellation calls PushEnd under the context's.
  if (absl::Status over = context.Over(); !over.ok()) return over;
  if (!ended) {
    // Only who is being read can be silent.
    if (!reading) {
      silent_since_.reset();
      return Silence{};
    }
    if (!silent_since_) silent_since_ = begin;
    return Silent(*silent_since_, context.clock().Now());
  }
  // The stream of a caller that is gone ends too, and which of the two gRPC
  // tells first is chance.
  if (absl::Status gone = context.Sleep(kGoneGrace); !gone.ok()) return gone;
  return MakeError(absl::StatusCode::kInvalidArgument,
                   "the stream ended without finish; the upload is discarded",
                   Reason::kIncompleteUpload);
}

absl::StatusOr<BodyEvent> UploadStream::Silent(TimePoint since, TimePoint now) {
  if (now - since < kMostSilence || !has_to_leave_()) return Silence{};
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("the caller has sent nothing for ", kMostSilence.count(),
                   " seconds, and another upload was refused for want of a "
                   "place (--max-uploads)"),
      Reason::kTooManyUploads);
}

bool UploadStream::CanRewind() const {
  absl::MutexLock lock(&mu_);
  return open_after_finish_ && !ended_;
}

void UploadStream::Rewind(int64_t offset) {
  bool read = false;
  {
    absl::MutexLock lock(&mu_);
    chunks_.clear();
    finish_.reset();
    credit_ = 0;
    rewound_to_ = offset;
    read = StartRead();
  }
  send_rewind_(offset);
  if (read) read_more_();
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
