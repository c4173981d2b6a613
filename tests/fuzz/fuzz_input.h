// Takes the bytes of a fuzzer apart into values.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

// Ends the process if a property does not hold, in every kind of build.
inline void Require(bool holds) {
  if (!holds) abort();
}

// Hands out the input from its front. Once it is used up, numbers are 0 and
// texts empty. The corpora are meant to be written by hand, so texts end at a
// line break and numbers are one byte.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : rest_(reinterpret_cast<const char*>(data), size) {}

  uint8_t Byte() {
    if (rest_.empty()) return 0;
    const auto byte = static_cast<uint8_t>(rest_[0]);
    rest_.remove_prefix(1);
    return byte;
  }

  std::string Line() {
    const size_t length = std::min(rest_.find('\n'), rest_.size());
    std::string line(rest_.substr(0, length));
    rest_.remove_prefix(std::min(length + 1, rest_.size()));
    return line;
  }

  std::string Rest() {
    std::string rest(rest_);
    rest_ = {};
    return rest;
  }

  bool empty() const { return rest_.empty(); }

 private:
  absl::string_view rest_;
};

}  // namespace lakefs::gateway::testing
