#include "tests/emulator/crc32c.h"

#include <array>
#include <cstring>

namespace lakefs::gateway::testing {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // Castagnoli, reflected.

std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc >> 1 ^ (crc & 1) * kPolynomial;
    }
    table[i] = crc;
  }
  return table;
}

uint32_t ExtendByTable(uint32_t crc, absl::string_view data) {
  static const std::array<uint32_t, 256> kTable = MakeTable();
  for (unsigned char c : data) crc = crc >> 8 ^ kTable[(crc ^ c) & 0xff];
  return crc;
}

#if defined(__x86_64__)
// Gigabytes go through here in the tests of large objects.
__attribute__((target("sse4.2"))) uint32_t ExtendByCpu(uint32_t crc,
                                                       absl::string_view data) {
  uint64_t wide = crc;
  while (data.size() >= sizeof(uint64_t)) {
    uint64_t word;
    std::memcpy(&word, data.data(), sizeof(word));
    wide = __builtin_ia32_crc32di(wide, word);
    data.remove_prefix(sizeof(word));
  }
  crc = static_cast<uint32_t>(wide);
  for (unsigned char c : data) crc = __builtin_ia32_crc32qi(crc, c);
  return crc;
}
#endif

uint32_t Extend(uint32_t crc, absl::string_view data) {
#if defined(__x86_64__)
  static const bool kHasCpu = __builtin_cpu_supports("sse4.2");
  if (kHasCpu) return ExtendByCpu(crc, data);
#endif
  return ExtendByTable(crc, data);
}

// a * b modulo the polynomial; the highest bit is the coefficient of x^0.
uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = uint32_t{1} << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = b >> 1 ^ (b & 1) * kPolynomial;
  }
  return product;
}

}  // namespace

uint32_t Crc32c(absl::string_view data, uint32_t crc) {
  return ~Extend(~crc, data);
}

uint32_t JoinedCrc32c(uint32_t first, uint32_t second, uint64_t second_size) {
  uint32_t shift = uint32_t{1} << 31;   // x^0
  uint32_t square = uint32_t{1} << 23;  // x^8: one byte further.
  for (; second_size != 0; second_size >>= 1) {
    if ((second_size & 1) != 0) shift = Multiply(shift, square);
    square = Multiply(square, square);
  }
  return Multiply(first, shift) ^ second;
}

std::string Crc32cBytes(uint32_t crc) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(crc >> shift));
  }
  return bytes;
}

}  // namespace lakefs::gateway::testing
