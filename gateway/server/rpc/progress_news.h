// When its caller is told how far an upload is.
#pragma once

#include <chrono>
#include <optional>
#include <utility>

#include "gateway/base/clock.h"
#include "gateway/server/rpc/convert.h"
#include "gateway/staging/upload_progress.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// Threads: for one at a time; the progress is written by others.
class ProgressNews {
 public:
  // How often to look, so that it is told at most 5 times a second.
  static constexpr std::chrono::milliseconds kLookEvery{250};

  explicit ProgressNews(const UploadProgress& progress) : progress_(progress) {}

  // What there is to tell: that it has changed, or that it has not for so long
  // that meshes would soon end the stream as idle.
  std::optional<::lakefs::staging::v1::UploadProgress> Look(TimePoint now) {
    ::lakefs::staging::v1::UploadProgress seen;
    seen.set_phase(ToProto(progress_.phase));
    seen.set_received_bytes(progress_.received_bytes);
    seen.set_stored_bytes(progress_.stored_bytes);
    const bool changed = !told_ || told_->phase() != seen.phase() ||
                         told_->received_bytes() != seen.received_bytes() ||
                         told_->stored_bytes() != seen.stored_bytes();
    if (!changed && now - told_at_ < kTellEvery) return std::nullopt;
    told_at_ = now;
    return told_ = std::move(seen);
  }

 private:
  static constexpr std::chrono::seconds kTellEvery{15};

  const UploadProgress& progress_;
  std::optional<::lakefs::staging::v1::UploadProgress> told_;
  TimePoint told_at_;
};

}  // namespace lakefs::gateway
