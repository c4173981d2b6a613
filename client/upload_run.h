// One upload under way: its attempts, and what lies between them.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "client/attempts.h"
#include "client/gateway.h"
#include "client/progress_meter.h"
#include "client/source.h"
#include "client/upload_options.h"
#include "client/upload_stream.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::staging {

// Up to here one message is faster than a stream (by a third at 4 KiB), and
// costs little memory.
inline constexpr size_t kOneMessageBytes = 1 << 20;

// An object as the caller asked for it, which may take several calls.
//
// Threads: one; Blocking: all but the constructor, within the deadline.
class UploadRun {
 public:
  // `gateway` must outlive it.
  UploadRun(const Gateway& gateway, const v1::ObjectPath& target,
            const UploadOptions& options);
  UploadRun(const UploadRun&) = delete;
  UploadRun& operator=(const UploadRun&) = delete;
  ~UploadRun() { progress_.Close(); }

  // Errors: INVALID_REQUEST where the options or the target cannot be sent.
  absl::Status Check();

  absl::StatusOr<v1::UploadResult> OfSource(Source& source);
  absl::StatusOr<v1::UploadResult> OfSharedFile(const std::string& file);
  // Of at most kOneMessageBytes.
  absl::StatusOr<v1::UploadResult> OfData(std::string data);

  // For a writer, whose bytes cannot be had again.

  // Waits for the connection. Once, before the stream.
  absl::Status Begin();
  // A call; `ended` is called by another thread when no more is to be sent.
  std::unique_ptr<UploadStream> NewStream(std::function<void()> ended);
  // What the upload came to, by what its call came to.
  absl::StatusOr<v1::UploadResult> Conclude(
      absl::StatusOr<v1::UploadResult> result);

  // Whether it has to be a stream, however small it is.
  bool only_by_stream() const {
    return !header_.resume_token().empty() || options_.sha256 || options_.md5;
  }
  const UploadOptions& options() const { return options_; }
  v1::UploadHeader& header() { return header_; }
  absl::Time deadline() const { return deadline_; }
  // The same error, of this upload.
  absl::Status Judge(const absl::Status& status);

 private:
  using Attempt = std::function<absl::StatusOr<v1::UploadResult>()>;

  absl::StatusOr<v1::UploadResult> Repeat(bool repeatable,
                                          const Attempt& attempt);
  absl::StatusOr<v1::UploadResult> SendOnce(Source& source);
  absl::Status SendAll(UploadStream& stream, Source& source);
  absl::Status SendNext(UploadStream& stream, Source& source);
  // What the gateway knows of an upload whose outcome is not known here.
  absl::StatusOr<v1::UploadResult> Ask(const absl::Status& failure);
  v1::UploadResult Succeed(v1::UploadResult result);
  // Whether it may go on.
  bool Sleep(absl::Duration duration);
  absl::Status Over() const;

  const Gateway& gateway_;
  const UploadOptions options_;
  const absl::Time deadline_;
  v1::UploadHeader header_;
  absl::Status checked_;
  Attempts attempts_;
  ProgressMeter progress_;
  std::optional<int64_t> size_;  // of the source, if it is known
  std::string buffer_;           // of the next chunk
};

}  // namespace lakefs::staging
