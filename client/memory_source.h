// A Source of bytes that are in memory.
#pragma once

#include <atomic>

#include "absl/strings/string_view.h"
#include "client/source.h"

namespace lakefs::staging {

// The bytes of `data`, which must outlive it.
class MemorySource : public Source {
 public:
  explicit MemorySource(absl::string_view data) : data_(data) {}

  std::optional<int64_t> size_bytes() const override;
  bool can_rewind() const override { return true; }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
  absl::Status Seek(int64_t offset) override;
  void Interrupt() override { interrupted_ = true; }

 private:
  const absl::string_view data_;
  size_t offset_ = 0;
  std::atomic<bool> interrupted_ = false;
};

}  // namespace lakefs::staging
