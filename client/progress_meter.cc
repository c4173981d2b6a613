#include "client/progress_meter.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace lakefs::staging {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);

}  // namespace

void ProgressMeter::Sent(int64_t bytes) {
  if (!callback_) return;
  absl::MutexLock lock(&mutex_);
  last_.set_received_bytes(std::max(last_.received_bytes(), bytes));
  if (last_.phase() == v1::UploadProgress::PHASE_UNSPECIFIED) {
    last_.set_phase(v1::UploadProgress::PHASE_UPLOADING);
  }
  if (absl::Now() - reported_ >= kInterval) Report();
}

void ProgressMeter::Told(const v1::UploadProgress& progress) {
  if (!callback_) return;
  absl::MutexLock lock(&mutex_);
  last_ = progress;
  Report();
}

void ProgressMeter::Report() {
  reported_ = absl::Now();
  callback_(last_);
}

}  // namespace lakefs::staging
