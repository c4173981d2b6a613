// One UploadAndLink, from the header to the result.
#pragma once

#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/call.h"
#include "client/gateway.h"
#include "client/progress_meter.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// Sends what it is given, with checksums, and does what the gateway asks on the
// way. One that goes away before its end is cancelled, and links nothing.
//
// Threads: one sends, by all methods but Cancel(), which is for any; another
// one, of its own, takes the replies.
class UploadStream {
 public:
  static constexpr size_t kChunkBytes = 1 << 20;

  // What is told of a call, by the thread of the replies; each may be empty. An
  // exception ends the call, and is thrown by End().
  struct Listener {
    std::function<void(const v1::UploadCheckpoint&)> checkpoint;
    std::function<void()> ended;  // no more is to be sent
  };

  // All references must outlive it.
  UploadStream(const Gateway& gateway, const v1::UploadHeader& header,
               const UploadOptions& options, ProgressMeter& progress,
               Listener listener, absl::Time deadline);
  UploadStream(const UploadStream&) = delete;
  UploadStream& operator=(const UploadStream&) = delete;
  ~UploadStream();

  // Sends the next bytes, 1 to kChunkBytes of them, unless an earlier call has;
  // `data` holds anything afterwards. Blocks while the gateway takes none.
  void Send(std::string& data);

  // Says that all bytes were sent.
  // Errors: SOURCE_CHANGED where an earlier call has sent more.
  absl::Status Finish();

  // Where the source has to go to, if it has to.
  std::optional<int64_t> TakeRewind();

  // Whether bytes are wanted now: not before it is known where to go on, not
  // behind the finish, and not after the end.
  bool Wants();

  // Waits for a rewind to take, or for the end.
  void AwaitReply();

  bool ended();
  int64_t offset() const { return offset_; }  // of the next byte

  // Ends the call: nothing is linked unless it had been.
  void Cancel() { call_.context().TryCancel(); }

  // What it came to. `failed` is the error of what was to be sent, if there was
  // one; the call is cancelled then. Once.
  absl::StatusOr<v1::UploadResult> End(absl::Status failed);

 private:
  using Stream = grpc::ClientReaderWriter<v1::UploadAndLinkRequest,
                                          v1::UploadAndLinkResponse>;

  // The sending thread.
  void Hash(absl::string_view data, uint32_t crc32c);
  v1::Outcome OutcomeNow() const;

  // The thread of the replies.
  void ReceiveReplies();
  void Receive(v1::UploadAndLinkResponse& reply);
  void TakeIn(int64_t rewind);

  const Gateway& gateway_;
  const v1::UploadHeader& header_;
  const UploadOptions& options_;
  ProgressMeter& progress_;
  const Listener listener_;
  Call call_;
  const std::unique_ptr<Stream> stream_;

  // Of the sending thread.
  v1::UploadAndLinkRequest chunk_;  // kept, so that its buffer is
  int64_t offset_ = 0;              // of the next chunk
  int64_t from_ = 0;                // bytes before it are not sent
  int64_t hashed_bytes_ = 0;        // how far crc32c_ goes
  uint32_t crc32c_ = 0;             // of the first hashed_bytes_ bytes
  bool started_;                    // it is known where to go on
  // Whether a `finish` has left that no rewind has taken back: from here on
  // the gateway may link.
  std::atomic<bool> finish_sent_ = false;
  bool is_over_ = false;

  std::atomic<int64_t> reached_ = 0;  // bytes before it were sent
  // Of the thread of the replies, until it has ended.
  bool awaits_start_;
  std::optional<v1::UploadResult> result_;
  absl::Status wrong_;         // why a rewind could not be followed
  std::exception_ptr thrown_;  // by a callback

  absl::Mutex mutex_;
  std::optional<int64_t> rewind_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // no more is to be sent
  bool over_ ABSL_GUARDED_BY(mutex_) = false;   // nothing more comes
  std::thread replies_;
};

}  // namespace lakefs::staging
