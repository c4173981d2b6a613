#include "tests/clients/gateway/source_bytes.h"

#include <algorithm>

namespace lakefs::staging::testing {
namespace {

constexpr uint64_t kBlockBytes = 65536;

void PutLittleEndian(uint64_t value, int bytes, char* to) {
  for (int i = 0; i < bytes; ++i) to[i] = static_cast<char>(value >> (8 * i));
}

}  // namespace

SourceBytes::SourceBytes(uint32_t seed) : block_(kBlockBytes, '\0') {
  uint32_t x = seed;
  for (uint64_t at = 0; at < kBlockBytes; at += 4) {
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    PutLittleEndian(x, 4, &block_[at]);
  }
}

std::string SourceBytes::Read(uint64_t offset, uint64_t size) const {
  std::string bytes;
  bytes.reserve(size);
  std::string block = block_;
  while (bytes.size() < size) {
    const uint64_t at = offset + bytes.size();
    PutLittleEndian(at / kBlockBytes, 8, block.data());
    const uint64_t from = at % kBlockBytes;
    bytes.append(block, from,
                 std::min(kBlockBytes - from, size - bytes.size()));
  }
  return bytes;
}

}  // namespace lakefs::staging::testing
