// One UploadAndLink, from the header to the result.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/call.h"
#include "client/progress_meter.h"
#include "client/source.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// Sends the bytes of a source and does what the gateway asks on the way.
//
// Threads: the caller's thread sends; another one, for the time of Run(), takes
// the replies. They meet in `progress_`, `rewind_` and `ended_`,
// and nowhere else.
class UploadStream {
 public:
  // All references must outlive Run(). `address` is for errors only.
  UploadStream(v1::Staging::Stub& stub, const std::string& address,
               const v1::UploadHeader& header, Source& source,
               const UploadOptions& options, absl::Time deadline);

  // Once.
  absl::StatusOr<v1::UploadResult> Run();

 private:
  using Stream = grpc::ClientReaderWriter<v1::UploadAndLinkRequest,
                                          v1::UploadAndLinkResponse>;

  // The sending thread. An error is the source's, never the connection's:
  // when the call ends the sending stops, and the call's status says why.
  absl::Status Send();
  // The next chunk, or the finish if there are no more bytes.
  absl::Status SendNext();
  bool SendChunk(size_t size);
  bool SendFinish();
  absl::Status Rewind(int64_t offset);
  // Reads what the gateway has already, and sends nothing of it.
  absl::Status SkipTo(int64_t offset);
  void Hash(absl::string_view data, uint32_t crc32c);
  std::optional<int64_t> TakeRewind();
  void WaitForReply();
  bool ended();

  // The thread of the replies.
  void ReceiveReplies();
  void Receive(v1::UploadAndLinkResponse& reply);

  const std::string& address_;
  const v1::UploadHeader& header_;
  Source& source_;
  const std::function<void(const v1::UploadCheckpoint&)>& checkpoint_;
  ProgressMeter progress_;
  Call call_;
  const std::unique_ptr<Stream> stream_;

  // Of the sending thread.
  // Whether the gateway has yet to say where the upload goes on.
  bool waits_for_start_;
  v1::UploadAndLinkRequest chunk_;  // kept, so that its buffer is
  int64_t offset_ = 0;              // of the next chunk
  int64_t hashed_bytes_ = 0;        // how far crc32c_ goes
  uint32_t crc32c_ = 0;             // of the first hashed_bytes_ bytes
  // Whether a `finish` has left that no rewind has taken back: from here on
  // the gateway may link.
  bool finish_sent_ = false;

  // Of the thread of the replies, until it has ended.
  std::optional<v1::UploadResult> result_;

  absl::Mutex mutex_;
  std::optional<int64_t> rewind_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // no more is to be sent
};

}  // namespace lakefs::staging
