// CRC-32C, the checksum of Google's store, also of what has come in pieces.
#pragma once

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

// The checksum of some bytes, or of those that `crc` is of with `data` behind.
uint32_t Crc32c(absl::string_view data, uint32_t crc = 0);

// The checksum of two pieces, one behind the other, from that of each.
uint32_t JoinedCrc32c(uint32_t first, uint32_t second, uint64_t second_size);

// Four bytes, most significant first, as the stores send it.
std::string Crc32cBytes(uint32_t crc);

}  // namespace lakefs::gateway::testing
