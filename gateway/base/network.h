// Ranges of IP addresses.
#pragma once

#include <netinet/in.h>

#include <optional>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// The addresses that begin with the same bits, those of IPv4 included: as the
// mapped ones of IPv6 (::ffff:0:0/96) they are in the same space.
class Network {
 public:
  // "169.254.171.0/24", "fd00:ec2:80::/64", or one address; nothing if it is
  // neither. What stands behind the bits does not matter.
  static std::optional<Network> Parse(absl::string_view text);

  bool Contains(const in6_addr& address) const;

 private:
  Network(const in6_addr& first, int bits) : first_(first), bits_(bits) {}

  in6_addr first_;
  int bits_;  // 0 to 128
};

// The address of IPv4, in network byte order, as one of IPv6.
in6_addr Mapped(const in_addr& address);

}  // namespace lakefs::gateway
