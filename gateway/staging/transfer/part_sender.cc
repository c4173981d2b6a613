#include "gateway/staging/transfer/part_sender.h"

#include <algorithm>
#include <utility>

#include "absl/random/random.h"
#include "gateway/base/error.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

PartSender::PartSender(const CallContext& context, PartTarget& target,
                       WorkerPool& pool, RetryBudget& budget,
                       UploadProgress& progress, PartSenderOptions options,
                       std::function<void()> on_failure,
                       Checkpoints* checkpoints)
    : scope_(context),
      target_(target),
      pool_(pool),
      budget_(budget),
      progress_(progress),
      options_(options),
      on_failure_(std::move(on_failure)),
      checkpoints_(checkpoints),
      limit_(options.far_senders) {
  absl::MutexLock lock(&tether_->mu);
  tether_->sender = this;
}

PartSender::~PartSender() {
  scope_.Cancel();
  {
    absl::MutexLock lock(&tether_->mu);
    tether_->sender = nullptr;
  }
  absl::MutexLock lock(&mu_);
  waiting_.clear();
  const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return at_work_ == 0;
  };
  mu_.Await(absl::Condition(&idle));
}

absl::Status PartSender::Send(Part part) {
  absl::MutexLock lock(&mu_);
  if (!failure_.ok()) return failure_;
  waiting_.push_back(std::move(part));
  StartSenders();
  WaitUntilHeld(options_.waiting_parts, /*none_sent=*/false);
  return failure_;
}

absl::StatusOr<std::vector<StoredPart>> PartSender::Finish() {
  absl::MutexLock lock(&mu_);
  WaitUntilHeld(0, /*none_sent=*/true);
  if (!failure_.ok()) return failure_;
  std::sort(stored_.begin(), stored_.end(),
            [](const StoredPart& a, const StoredPart& b) {
              return a.number < b.number;
            });
  return stored_;
}

absl::Status PartSender::failure() const {
  absl::MutexLock lock(&mu_);
  return failure_;
}

int64_t PartSender::sent_bytes() const {
  absl::MutexLock lock(&mu_);
  return sent_bytes_;
}

int64_t PartSender::resent_bytes() const {
  absl::MutexLock lock(&mu_);
  return resent_bytes_;
}

// Blocks until no more parts than these wait and, with `none_sent`, none is
// being sent, the upload has failed, or the call is over. Meanwhile starts
// senders.
void PartSender::WaitUntilHeld(size_t waiting, bool none_sent) {
  const auto done = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !failure_.ok() ||
           (waiting_.size() <= waiting && (!none_sent || sending_ == 0));
  };
  const CallContext& context = scope_.context();
  while (!done()) {
    const bool over = !context.Over().ok();
    // A PUT ends with the call too, and says more; but there may be none.
    if (over && sending_ == 0) return Fail(context.Over());
    const TimePoint look_again = LookAgain();
    context.clock().WaitUntil(
        mu_, over ? look_again : std::min(look_again, context.deadline()),
        absl::Condition(&done));
    StartSenders();
  }
}

void PartSender::Fail(const absl::Status& failure) {
  failure_ = failure;
  waiting_.clear();
}

// How many PUTs at once are worth it, by what they usually take and, if that is
// longer, by how long none has ended.
int PartSender::MaxSenders() const {
  const TimePoint now = scope_.context().clock().Now();
  const Duration silent = sending_ > 0 ? now - last_end_ : Duration::zero();
  const Duration usual = std::max(usual_, silent);
  const int useful = usual >= options_.far    ? options_.far_senders
                     : usual >= options_.slow ? options_.near_senders
                                              : 1;
  return std::min(useful, limit_);
}

// Fits the number of senders to what the line bears, by a PUT that has worked.
// Those that began before the last change say nothing of it, nor does one that
// was alone: a store may be slow by itself.
void PartSender::Limit(TimePoint start, TimePoint end) {
  if (start < limited_) return;
  const Duration took = end - start;
  const int shared_by = sending_ + 1;
  if (took > options_.too_long && shared_by > 1 && limit_ > 1) {
    limit_ = std::min(limit_, shared_by) / 2;
  } else if (took < options_.too_long / 4 && limit_ < options_.far_senders) {
    ++limit_;
  } else {
    return;
  }
  limited_ = end;
}

// When more PUTs at once may be worth it.
TimePoint PartSender::LookAgain() const {
  const TimePoint now = scope_.context().clock().Now();
  for (const Duration span : {options_.slow, options_.far}) {
    if (last_end_ + span > now) return last_end_ + span;
  }
  return now + options_.far;
}

// Starts more senders if there are parts for them and the ones at work are not
// quick enough.
void PartSender::StartSenders() {
  while (senders_ < MaxSenders() && failure_.ok()) {
    // No more than there are parts that nobody has taken yet.
    const int idle = senders_ - sending_;
    if (idle >= static_cast<int>(waiting_.size())) return;
    if (!QueueSender()) return;
    ++senders_;
  }
}

bool PartSender::QueueSender() {
  return pool_.TryRun([tether = tether_] { TakeTurn(*tether); });
}

void PartSender::TakeTurn(Tether& tether) {
  PartSender* sender = nullptr;
  {
    absl::MutexLock lock(&tether.mu);
    if (tether.sender == nullptr) return;
    sender = tether.sender;
    absl::MutexLock sender_lock(&sender->mu_);
    ++sender->at_work_;
  }
  sender->SendParts();
}

void PartSender::SendParts() {
  absl::MutexLock lock(&mu_);
  while (!waiting_.empty() && failure_.ok() && senders_ <= limit_) {
    SendNext();
    // Behind the others: they may have no thread at all.
    const bool more = !waiting_.empty() && failure_.ok();
    if (more && pool_.waiting() > 0 && QueueSender()) {
      --at_work_;
      return;
    }
  }
  --at_work_;
  --senders_;
}

void PartSender::SendNext() {
  Clock& clock = scope_.context().clock();
  Part part = std::move(waiting_.front());
  waiting_.pop_front();
  const TimePoint start = clock.Now();
  if (sending_++ == 0) last_end_ = start;
  mu_.Unlock();
  auto stored = SendOne(part);
  const auto size = static_cast<int64_t>(part.bytes.size_bytes());
  if (stored.ok() && checkpoints_ != nullptr) {
    checkpoints_->Stored(*stored, size, part.bytes.crc32c().value_or(0));
  }
  part = Part();  // its memory is free before the next one is asked for
  mu_.Lock();
  --sending_;
  last_end_ = clock.Now();
  if (stored.ok()) {
    // Half of what the last ones took: follows a change in a few parts.
    const Duration took = last_end_ - start;
    usual_ = usual_ == Duration::zero() ? took : (usual_ + took) / 2;
    Limit(start, last_end_);
    progress_.stored_bytes += size;
    stored_.push_back(*std::move(stored));
  } else if (failure_.ok()) {
    Fail(stored.status());
    scope_.Cancel();
    if (on_failure_) on_failure_();
  }
}

absl::StatusOr<StoredPart> PartSender::SendOne(const Part& part) {
  absl::InsecureBitGen random;
  bool again = false;
  const auto attempt = [&] {
    {
      absl::MutexLock lock(&mu_);
      const auto size = static_cast<int64_t>(part.bytes.size_bytes());
      sent_bytes_ += size;
      if (std::exchange(again, true)) resent_bytes_ += size;
    }
    return target_.PutPart(scope_.context(), part.number, part.bytes);
  };
  return Repeat(scope_.context(), budget_, random, attempt, kForBytes);
}

}  // namespace lakefs::gateway
