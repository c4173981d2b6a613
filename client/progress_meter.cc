#include "client/progress_meter.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace lakefs::staging {
namespace {

constexpr absl::Duration kInterval = absl::Milliseconds(200);

}  // namespace

void ProgressMeter::Sent(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  Note(bytes, 0);
  if (last_.phase() == v1::UploadProgress::PHASE_UNSPECIFIED) {
    last_.set_phase(v1::UploadProgress::PHASE_UPLOADING);
  }
  if (absl::Now() - reported_ >= kInterval) Report();
}

void ProgressMeter::Told(const v1::UploadProgress& progress) {
  absl::MutexLock lock(&mutex_);
  Note(progress.received_bytes(), progress.stored_bytes());
  last_.set_phase(progress.phase());
  Report();
}

void ProgressMeter::Done(int64_t bytes) {
  absl::MutexLock lock(&mutex_);
  Note(bytes, bytes);
  last_.set_phase(v1::UploadProgress::PHASE_LINKING);
  Report();
}

void ProgressMeter::Close() {
  absl::MutexLock lock(&mutex_);
  callback_ = nullptr;
}

void ProgressMeter::Note(int64_t received, int64_t stored) {
  last_.set_received_bytes(std::max(last_.received_bytes(), received));
  last_.set_stored_bytes(std::max(last_.stored_bytes(), stored));
}

void ProgressMeter::Report() {
  if (!callback_) return;
  reported_ = absl::Now();
  callback_(last_);
}

}  // namespace lakefs::staging
