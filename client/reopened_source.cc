#include "client/reopened_source.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

constexpr int64_t kSkipBytes = 1 << 20;

}  // namespace

absl::StatusOr<Source*> ReopenedSource::Opened() {
  {
    absl::MutexLock lock(&mutex_);
    if (interrupted_) return absl::CancelledError("interrupted");
    if (opened_ != nullptr) return opened_.get();
  }
  auto opened = open_();
  if (!opened.ok()) return opened.status();
  absl::MutexLock lock(&mutex_);
  opened_ = *std::move(opened);
  if (interrupted_) opened_->Interrupt();
  return opened_.get();
}

absl::StatusOr<size_t> ReopenedSource::Read(char* buffer, size_t size) {
  const auto source = Opened();
  if (!source.ok()) return source.status();
  return (*source)->Read(buffer, size);
}

absl::Status ReopenedSource::Seek(int64_t offset) {
  std::shared_ptr<Source> last;
  {
    absl::MutexLock lock(&mutex_);
    last.swap(opened_);
    interrupted_ = false;
  }
  last.reset();
  std::string skipped(static_cast<size_t>(std::min(offset, kSkipBytes)), '\0');
  for (int64_t left = offset; left > 0;) {
    const auto size =
        Read(skipped.data(), static_cast<size_t>(std::min(left, kSkipBytes)));
    if (!size.ok()) return size.status();
    if (*size == 0) {
      return MakeFailure(
          absl::StatusCode::kAborted, kSourceChanged,
          absl::StrCat("the source was opened again and ends after ",
                       offset - left, " bytes, of which ", offset,
                       " had been read before"),
          v1::OUTCOME_NOT_COMMITTED, v1::UploadFailure::ADVICE_RESTART);
    }
    left -= static_cast<int64_t>(*size);
  }
  return absl::OkStatus();
}

void ReopenedSource::Interrupt() {
  std::shared_ptr<Source> opened;
  {
    absl::MutexLock lock(&mutex_);
    interrupted_ = true;
    opened = opened_;
  }
  if (opened != nullptr) opened->Interrupt();
}

}  // namespace lakefs::staging
