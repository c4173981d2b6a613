// The chunks of one UploadAndLink, between gRPC's thread that reads them and
// the upload's thread that takes them.
#pragma once

#include <deque>
#include <functional>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "gateway/staging/body_source.h"
#include "lakefs/staging/v1/staging.pb.h"

namespace lakefs::gateway {

// A small bounded queue that also holds the order of the messages: chunks, one
// finish, nothing behind it.
//
// Reading is asked for, not done, here: whoever is told that there is room
// starts the next read.
//
// Threads: Push… by gRPC's threads, Next by the upload's.
class UploadStream final : public BodySource {
 public:
  // Bytes that may wait. 4 MiB is as good as 16; one waiting chunk costs a
  // fifth of the speed.
  static constexpr size_t kMaxWaitingBytes = 4 << 20;

  // `read_more` starts one read; it is called under no lock. The first read is
  // under way already.
  explicit UploadStream(std::function<void()> read_more)
      : read_more_(std::move(read_more)) {}

  // The caller may be asked to send again, and so half-closes only when it has
  // its result. To be called before the first Push.
  void KeepOpenAfterFinish() { open_after_finish_ = true; }

  // Takes a message that was read. Returns whether the next read is to be
  // started now; else it is when there is room again.
  bool Push(::lakefs::staging::v1::UploadAndLinkRequest message);

  // The caller has half-closed, or is gone: nothing more will be read.
  void PushEnd();

  // Why the messages were out of order, if they were.
  absl::Status order_error() const;

  absl::StatusOr<BodyEvent> Next(const CallContext& context) override;

 private:
  bool Ready() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  void AwaitHalfClose(const CallContext& context)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Fail(absl::string_view message) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::function<void()> read_more_;
  bool open_after_finish_ = false;
  mutable absl::Mutex mu_;
  std::deque<Chunk> chunks_ ABSL_GUARDED_BY(mu_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool reading_ ABSL_GUARDED_BY(mu_) = true;
  std::optional<Finish> finish_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status error_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
