// Sends the parts of one object, several at once where that helps.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/backoff.h"
#include "gateway/base/worker_pool.h"
#include "gateway/objectstore/object_store.h"
#include "gateway/staging/intake/part_source.h"
#include "gateway/staging/transfer/checkpoints.h"
#include "gateway/staging/upload_progress.h"

namespace lakefs::gateway {

struct PartSenderOptions {
  // PUTs at once to a store that is near, and to one that is far: on a link of
  // 50 ms, 8 take half the time of 4.
  int near_senders = 4;
  int far_senders = 8;
  // A PUT that takes longer than this is worth another beside it. To a near
  // and fast store one at a time is fastest: two share the same memory bus.
  std::chrono::milliseconds slow{25};
  // PUTs that usually take longer than this go to a store that is far.
  std::chrono::milliseconds far{100};
  // A PUT that takes longer than this shares a line that is full: half as many
  // are as fast, and each is done sooner. One that takes less than a quarter
  // of it leaves room for another.
  std::chrono::milliseconds too_long{10'000};
  // Parts that may wait for a sender: more held parts are slower, not faster.
  size_t waiting_parts = 3;
};

// Puts parts to their target while more of them come: one at a time to a store
// that is near, more to one that is slow or far, and again fewer where they
// only share a slow line. A part stays in memory
// until the store has it, so that a failed one is sent again alone. While
// others wait for a thread of the pool, each part takes a turn of its own.
//
// Threads: Send and Finish for one thread; the parts are sent by the pool's.
class PartSender {
 public:
  // `checkpoints`, if any, are told of each part that is stored.
  PartSender(const CallContext& context, PartTarget& target, WorkerPool& pool,
             RetryBudget& budget, UploadProgress& progress,
             PartSenderOptions options = {},
             std::function<void()> on_failure = nullptr,
             Checkpoints* checkpoints = nullptr);
  // Gives up what is under way, and waits for it to end.
  ~PartSender();

  // Hands a part over. Blocks while enough of them wait, bounded by the call.
  // Errors: that of the first part that failed for good.
  absl::Status Send(Part part);

  // Waits for all parts, bounded by the call, and returns them in their order.
  absl::StatusOr<std::vector<StoredPart>> Finish();

  // The error of the first part that failed for good; OK if none has yet.
  // `on_failure` is called when there is one: under a lock, by a thread of the
  // pool.
  absl::Status failure() const;

  // Bytes that were sent, and that were sent more than once.
  int64_t sent_bytes() const;
  int64_t resent_bytes() const;

 private:
  // What a task of the pool holds of its sender, which may be gone before the
  // task has its turn.
  struct Tether {
    absl::Mutex mu;
    PartSender* sender ABSL_GUARDED_BY(mu) = nullptr;
  };

  void StartSenders() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Limit(TimePoint start, TimePoint end) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int MaxSenders() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  TimePoint LookAgain() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool QueueSender();
  static void TakeTurn(Tether& tether);
  void SendParts();
  void SendNext() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<StoredPart> SendOne(const Part& part);
  void Fail(const absl::Status& failure) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void WaitUntilHeld(size_t waiting, bool none_sent)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  CallScope scope_;
  PartTarget& target_;
  WorkerPool& pool_;
  RetryBudget& budget_;
  UploadProgress& progress_;
  const PartSenderOptions options_;
  const std::function<void()> on_failure_;
  Checkpoints* const checkpoints_;
  const std::shared_ptr<Tether> tether_ = std::make_shared<Tether>();

  mutable absl::Mutex mu_;
  std::deque<Part> waiting_ ABSL_GUARDED_BY(mu_);
  int senders_ ABSL_GUARDED_BY(mu_) = 0;  // at work, or in the pool's queue
  int at_work_ ABSL_GUARDED_BY(mu_) = 0;
  int sending_ ABSL_GUARDED_BY(mu_) = 0;
  // Of a PUT; or when the first of them began, if none was under way.
  TimePoint last_end_ ABSL_GUARDED_BY(mu_);
  Duration usual_ ABSL_GUARDED_BY(mu_){};  // what a PUT takes
  int limit_ ABSL_GUARDED_BY(mu_);         // of senders, by what the line bears
  TimePoint limited_ ABSL_GUARDED_BY(mu_);  // when that has changed last
  absl::Status failure_ ABSL_GUARDED_BY(mu_);
  std::vector<StoredPart> stored_ ABSL_GUARDED_BY(mu_);
  int64_t sent_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t resent_bytes_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace lakefs::gateway
