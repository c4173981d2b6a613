// The order of frames: what Integrity lets through is gapless, and its ledger
// is that of a plain concatenation.
//
// Input: frames of three bytes each: how far the offset is from the right one
// (0: not at all), the length, and what is claimed of the chunk's CRC32C
// (nothing, the truth, a lie). A frame of length 0 is the end.
#include "gateway/base/crc32c.h"
#include "gateway/staging/intake/integrity.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  testing::FuzzInput input(data, size);
  const uint8_t announced = input.Byte();
  const auto limit =
      announced == 0 ? std::nullopt : std::optional<int64_t>(announced);
  Integrity integrity(limit);
  std::string whole;
  while (!input.empty()) {
    const auto off = static_cast<int8_t>(input.Byte());
    const uint8_t length = input.Byte();
    const uint8_t claim = input.Byte() % 3;
    if (length == 0) break;
    Chunk chunk{.write_offset = static_cast<int64_t>(whole.size()) + off,
                .data = std::string(length, static_cast<char>(whole.size()))};
    if (claim != 0) chunk.crc32c = Crc32c(chunk.data) + (claim - 1);
    const bool right =
        off == 0 && claim != 2 &&
        (!limit || static_cast<int64_t>(whole.size() + length) <= *limit);
    const auto crc32c = integrity.Check(chunk);
    testing::Require(crc32c.ok() == right);
    if (!right) return 0;  // The upload is over.
    testing::Require(*crc32c == Crc32c(chunk.data));
    integrity.Extend(chunk.data, *crc32c);
    whole += chunk.data;
    testing::Require(integrity.size_bytes() ==
                     static_cast<int64_t>(whole.size()));
    testing::Require(integrity.crc32c() == Crc32c(whole));
  }
  Finish finish{.size_bytes = static_cast<int64_t>(whole.size()),
                .crc32c = Crc32c(whole)};
  const bool complete = !limit || *limit == finish.size_bytes;
  testing::Require(integrity.Check(finish).ok() == complete);
  ++*finish.crc32c;
  testing::Require(!integrity.Check(finish).ok());
  return 0;
}
