#include "gateway/base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace lakefs::gateway {
namespace {

std::string Pattern(size_t size) {
  std::string data(size, '\0');
  for (size_t i = 0; i < size; ++i)
    data[i] = static_cast<char>(i * 131 + i / 7);
  return data;
}

// Source: RFC 3720, B.4, and the check value of the CRC catalogue.
TEST(Crc32cTest, KnownValuesAreMet) {
  EXPECT_EQ(Crc32c(""), 0U);
  EXPECT_EQ(Crc32c("123456789"), 0xE3069283U);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8A9136AAU);
  EXPECT_EQ(Crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
}

TEST(Crc32cTest, TheThreeFormsAgreeOnEveryLength) {
  const std::string data = Pattern(50'000);
  for (const size_t size :
       {0, 1, 7, 8, 9, 4095, 4096, 12287, 12288, 12289, 24576, 36865, 50'000}) {
    const absl::string_view piece(data.data() + 3,
                                  std::min(size, data.size() - 3));
    EXPECT_EQ(Crc32c(piece), ExtendCrc32cPortable(0, piece)) << size;
    const uint32_t first = Crc32c(piece.substr(0, piece.size() / 3));
    const absl::string_view rest = piece.substr(piece.size() / 3);
    EXPECT_EQ(ExtendCrc32c(first, rest), Crc32c(piece)) << size;
    EXPECT_EQ(ConcatCrc32c(first, Crc32c(rest), rest.size()), Crc32c(piece))
        << size;
    EXPECT_EQ(TailCrc32c(first, Crc32c(piece), rest.size()), Crc32c(rest))
        << size;
  }
}

TEST(Crc32cTest, OneFlippedBitShows) {
  std::string data = Pattern(13'000);
  const uint32_t before = Crc32c(data);
  data[12'345] = static_cast<char>(data[12'345] ^ 4);
  EXPECT_NE(Crc32c(data), before);
}

}  // namespace
}  // namespace lakefs::gateway
