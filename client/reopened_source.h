// A Source that can be opened again.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "client/source.h"

namespace lakefs::staging {

// What `open` gives, from its beginning: it is called again for each way back,
// and the one before is gone by then. So an upload of what can be read but once
// at a time, such as what another program prints, can be repeated.
class ReopenedSource : public Source {
 public:
  using Open = std::function<absl::StatusOr<std::unique_ptr<Source>>()>;

  explicit ReopenedSource(Open open) : open_(std::move(open)) {}

  // Not known before it is opened.
  std::optional<int64_t> size_bytes() const override { return std::nullopt; }
  bool can_rewind() const override { return true; }
  // Errors: also those of `open`.
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
  // Errors: ABORTED, SOURCE_CHANGED where it ends before `offset`.
  absl::Status Seek(int64_t offset) override;
  void Interrupt() override;

 private:
  absl::StatusOr<Source*> Opened();

  const Open open_;
  absl::Mutex mutex_;
  std::shared_ptr<Source> opened_ ABSL_GUARDED_BY(mutex_);
  bool interrupted_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace lakefs::staging
