#include "client/request_id.h"

#include <cstdint>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace lakefs::staging {

std::string NewRequestId() {
  std::random_device random;
  std::string bytes;
  for (int i = 0; i < 4; ++i) {
    const uint32_t word = random();
    for (int shift = 0; shift < 32; shift += 8) {
      bytes.push_back(static_cast<char>(word >> shift));
    }
  }
  // Version 4, variant 1 (RFC 9562).
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  const std::string hex = absl::BytesToHexString(bytes);
  const absl::string_view all = hex;
  return absl::StrCat(all.substr(0, 8), "-", all.substr(8, 4), "-",
                      all.substr(12, 4), "-", all.substr(16, 4), "-",
                      all.substr(20));
}

}  // namespace lakefs::staging
