// The chunks of one UploadAndLink, between gRPC's thread that reads them and
// the upload's thread that takes them.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/intake/body_source.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// A queue as long as what the upload has granted, which also holds the order of
// the messages: chunks, one finish, nothing behind it.
//
// Reading is asked for, not done, here. A read that was started cannot be taken
// back, and brings in a whole chunk; so none is started without a grant.
//
// Threads: Push… by gRPC's threads, the rest by the upload's.
class UploadStream final : public BodySource {
 public:
  // `read_more` starts one read, `send_rewind` sends that message; both are
  // called under no lock. `has_to_leave` is asked once the caller has sent
  // nothing for kMostSilence, and ends the upload if it says so. No read is
  // under way.
  UploadStream(std::function<void()> read_more,
               std::function<void(int64_t offset)> send_rewind,
               std::function<bool()> has_to_leave)
      : read_more_(std::move(read_more)),
        send_rewind_(std::move(send_rewind)),
        has_to_leave_(std::move(has_to_leave)) {}

  static constexpr std::chrono::seconds kMostSilence{60};

  // The caller may be asked to send again, and so half-closes only when it has
  // its result. To be called before the first Push.
  void KeepOpenAfterFinish() { open_after_finish_ = true; }

  // Takes a message that was read. Returns whether the next read is to be
  // started now; else it is when there is a grant.
  bool Push(::lakefs::staging::v1::UploadAndLinkRequest message);

  // The caller has half-closed, or is gone: nothing more will be read.
  void PushEnd();

  // Why the messages were out of order, if they were.
  absl::Status order_error() const;

  void Grant(int64_t bytes) override;
  void Withdraw() override;
  // Errors: also RESOURCE_EXHAUSTED, TOO_MANY_UPLOADS if the upload has to
  // leave its place to another.
  absl::StatusOr<BodyEvent> Next(const CallContext& context,
                                 TimePoint until) override;
  bool CanRewind() const override;
  void Rewind(int64_t offset) override;

 private:
  bool Ready() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // Whether a read is to be started; if so, it counts as started.
  bool StartRead() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Take(Chunk chunk) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void AwaitHalfClose(const CallContext& context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  absl::StatusOr<BodyEvent> Silent(TimePoint since, TimePoint now);
  void Fail(absl::string_view message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::function<void()> read_more_;
  const std::function<void(int64_t)> send_rewind_;
  const std::function<bool()> has_to_leave_;
  std::optional<TimePoint> silent_since_;  // the upload's thread alone
  bool open_after_finish_ = false;
  mutable absl::Mutex mu_;
  std::deque<Chunk> chunks_ ABSL_GUARDED_BY(mu_);
  int64_t credit_ ABSL_GUARDED_BY(mu_) = 0;  // granted, and not come
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  // Where the caller is to begin again; what comes before that is dropped.
  std::optional<int64_t> rewound_to_ ABSL_GUARDED_BY(mu_);
  std::optional<Finish> finish_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
