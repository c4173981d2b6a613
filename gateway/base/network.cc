#include "gateway/base/network.h"

#include <arpa/inet.h>

#include <cstring>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace lakefs::gateway {

in6_addr Mapped(const in_addr& address) {
  in6_addr mapped{};
  mapped.s6_addr[10] = mapped.s6_addr[11] = 0xff;
  std::memcpy(mapped.s6_addr + 12, &address, sizeof(address));
  return mapped;
}

std::optional<Network> Network::Parse(absl::string_view text) {
  const std::vector<std::string> parts =
      absl::StrSplit(text, absl::MaxSplits('/', 1));
  in6_addr first{};
  in_addr four{};
  int most = 128;
  if (inet_pton(AF_INET, parts[0].c_str(), &four) == 1) {
    first = Mapped(four);
    most = 32;
  } else if (inet_pton(AF_INET6, parts[0].c_str(), &first) != 1) {
    return std::nullopt;
  }
  int bits = most;
  if (parts.size() > 1 &&
      (!absl::SimpleAtoi(parts[1], &bits) || bits < 0 || bits > most)) {
    return std::nullopt;
  }
  return Network(first, 128 - most + bits);
}

bool Network::Contains(const in6_addr& address) const {
  const int bytes = bits_ / 8;
  if (std::memcmp(first_.s6_addr, address.s6_addr, bytes) != 0) return false;
  const int rest = 8 - bits_ % 8;
  return rest == 8 ||
         (first_.s6_addr[bytes] ^ address.s6_addr[bytes]) >> rest == 0;
}

}  // namespace lakefs::gateway
