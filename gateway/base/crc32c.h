// CRC32C (Castagnoli), the checksum that follows the bytes from the caller to
// the store.
#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// The CRC32C of `data` appended to bytes whose CRC32C is `crc` (0 for none).
// Uses SSE4.2 where the processor has it, found out at run time.
uint32_t ExtendCrc32c(uint32_t crc, absl::string_view data);

inline uint32_t Crc32c(absl::string_view data) { return ExtendCrc32c(0, data); }

// The same by tables alone, for processors without SSE4.2.
uint32_t ExtendCrc32cPortable(uint32_t crc, absl::string_view data);

// The CRC32C of bytes with `first` followed by `second_size` bytes with
// `second`, without the bytes. Takes O(log second_size).
uint32_t ConcatCrc32c(uint32_t first, uint32_t second, uint64_t second_size);

// The other way round: what follows bytes with `first`, where all have `whole`.
inline uint32_t TailCrc32c(uint32_t first, uint32_t whole,
                           uint64_t second_size) {
  return whole ^ ConcatCrc32c(first, 0, second_size);
}

}  // namespace lakefs::gateway
