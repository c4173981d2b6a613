// A Source whose beginning has been read.
#pragma once

#include <string>
#include <utility>

#include "client/source.h"

namespace lakefs::staging {

// `head`, and behind it what `rest` gives from where it stands. `rest` must
// outlive it.
class HeadSource : public Source {
 public:
  HeadSource(std::string head, Source& rest)
      : head_(std::move(head)), rest_(rest) {}

  std::optional<int64_t> size_bytes() const override {
    return rest_.size_bytes();
  }
  bool can_rewind() const override { return rest_.can_rewind(); }
  absl::StatusOr<size_t> Read(char* buffer, size_t size) override;
  absl::Status Seek(int64_t offset) override;
  void Interrupt() override { rest_.Interrupt(); }

 private:
  std::string head_;  // empty once it is given
  size_t given_ = 0;  // of the head
  Source& rest_;
};

}  // namespace lakefs::staging
