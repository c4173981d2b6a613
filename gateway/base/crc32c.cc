#include "gateway/base/crc32c.h"

#include <nmmintrin.h>

#include <array>
#include <cstring>

namespace lakefs::gateway {
namespace {

// The polynomial 0x1EDC6F41, bits reversed.
constexpr uint32_t kPolynomial = 0x82F63B78;

using Tables = std::array<std::array<uint32_t, 256>, 8>;

constexpr Tables MakeTables() {
  Tables tables{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    }
    tables[0][i] = crc;
  }
  for (size_t t = 1; t < tables.size(); ++t) {
    for (size_t i = 0; i < 256; ++i) {
      const uint32_t crc = tables[t - 1][i];
      tables[t][i] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}
constexpr Tables kTables = MakeTables();

// a * b modulo the polynomial, in the reversed representation, where bit 31
// stands for x^0.
constexpr uint32_t Multiply(uint32_t a, uint32_t b) {
  uint32_t product = 0;
  for (uint32_t bit = 0x80000000; bit != 0; bit >>= 1) {
    if (a & bit) product ^= b;
    b = (b >> 1) ^ (b & 1 ? kPolynomial : 0);
  }
  return product;
}

// x^(8 * bytes) modulo the polynomial: what a CRC is multiplied with when that
// many zero bytes follow.
constexpr uint32_t ShiftFactor(uint64_t bytes) {
  uint32_t factor = 0x80000000;       // x^0
  uint32_t square = 0x80000000 >> 8;  // x^8
  for (; bytes != 0; bytes >>= 1) {
    if (bytes & 1) factor = Multiply(factor, square);
    square = Multiply(square, square);
  }
  return factor;
}

// The instruction has a latency of 3 cycles and a throughput of 1, so three
// independent lanes keep it busy. 4 KiB a lane stay in the first-level cache
// and make the joining (2 table walks a round) cost under 1 %.
constexpr size_t kLane = 4096;

using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

constexpr ShiftTable MakeShiftTable(uint32_t factor) {
  ShiftTable table{};
  for (uint32_t byte = 0; byte < 4; ++byte) {
    for (uint32_t i = 0; i < 256; ++i) {
      table[byte][i] = Multiply(i << (8 * byte), factor);
    }
  }
  return table;
}
const ShiftTable& LaneShift() {
  static const ShiftTable table = MakeShiftTable(ShiftFactor(kLane));
  return table;
}

uint32_t Shift(const ShiftTable& table, uint32_t crc) {
  return table[0][crc & 0xFF] ^ table[1][(crc >> 8) & 0xFF] ^
         table[2][(crc >> 16) & 0xFF] ^ table[3][crc >> 24];
}

uint64_t Load64(const char* p) {
  uint64_t value;
  std::memcpy(&value, p, sizeof(value));
  return value;
}

__attribute__((target("sse4.2"))) uint32_t ExtendSse42(uint32_t crc,
                                                       const char* p,
                                                       size_t size) {
  uint64_t a = ~crc;
  for (; size >= 3 * kLane; p += 3 * kLane, size -= 3 * kLane) {
    uint64_t b = 0;
    uint64_t c = 0;
    for (size_t i = 0; i < kLane; i += 8) {
      a = _mm_crc32_u64(a, Load64(p + i));
      b = _mm_crc32_u64(b, Load64(p + kLane + i));
      c = _mm_crc32_u64(c, Load64(p + 2 * kLane + i));
    }
    const ShiftTable& shift = LaneShift();
    a = Shift(shift, static_cast<uint32_t>(a)) ^ b;
    a = Shift(shift, static_cast<uint32_t>(a)) ^ c;
  }
  for (; size >= 8; p += 8, size -= 8) a = _mm_crc32_u64(a, Load64(p));
  auto rest = static_cast<uint32_t>(a);
  for (; size > 0; ++p, --size) {
    rest = _mm_crc32_u8(rest, static_cast<unsigned char>(*p));
  }
  return ~rest;
}

}  // namespace

uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view data) {
  const char* p = data.data();
  size_t size = data.size();
  crc = ~crc;
  for (; size >= 8; p += 8, size -= 8) {
    const uint64_t word = Load64(p) ^ crc;
    crc = 0;
    for (int byte = 0; byte < 8; ++byte) {
      crc ^= kTables[7 - byte][(word >> (8 * byte)) & 0xFF];
    }
  }
  for (; size > 0; ++p, --size) {
    crc =
        (crc >> 8) ^ kTables[0][(crc ^ static_cast<unsigned char>(*p)) & 0xFF];
  }
  return ~crc;
}

uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data) {
  static const bool has_sse42 = __builtin_cpu_supports("sse4.2");
  return has_sse42 ? ExtendSse42(crc, data.data(), data.size())
                   : ExtendCrc32cPortable(crc, data);
}

uint32_t ConcatCrc32c(uint32_t first, uint32_t second, uint64_t second_size) {
  return Multiply(first, ShiftFactor(second_size)) ^ second;
}

}  // namespace lakefs::gateway
