// The bytes of the sources that drivers make (../DRIVERS.md, "Sources").
#pragma once

#include <cstdint>
#include <string>

namespace lakefs::staging::testing {

// Bytes that follow from a seed, read from any offset.
class SourceBytes {
 public:
  explicit SourceBytes(uint32_t seed);

  // The `size` bytes from `offset` on.
  std::string Read(uint64_t offset, uint64_t size) const;

 private:
  std::string block_;
};

}  // namespace lakefs::staging::testing
