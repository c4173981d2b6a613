#include "gateway/http/forbidden_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway {
namespace {

constexpr char kPlain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_:";

// In host byte order.
bool IsForbidden4(uint32_t address) {
  return (address & 0xffff0000U) == 0xa9fe0000U ||  // 169.254.0.0/16
         address == 0x646464c8U ||                  // 100.100.100.200
         address == 0xc00000c0U ||                  // 192.0.0.192
         address == 0xa83f8110U;                    // 168.63.129.16
}

template <size_t size>
bool StartsWith(const in6_addr& address, const uint8_t (&prefix)[size]) {
  return std::memcmp(address.s6_addr, prefix, size) == 0;
}

// The IPv4 address that begins at that byte, in host byte order.
uint32_t Inner(const in6_addr& address, size_t at) {
  uint32_t inner = 0;
  std::memcpy(&inner, address.s6_addr + at, sizeof(inner));
  return ntohl(inner);
}

bool IsForbidden6(const in6_addr& address) {
  if (IN6_IS_ADDR_LINKLOCAL(&address)) return true;
  static constexpr uint8_t kEc2[4] = {0xfd, 0x00, 0x0e, 0xc2};
  static constexpr uint8_t kGoogle[16] = {
      0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54};
  if (StartsWith(address, kEc2) || StartsWith(address, kGoogle)) return true;
  static constexpr uint8_t k6to4[2] = {0x20, 0x02};
  static constexpr uint8_t kNat64[12] = {0, 0x64, 0xff, 0x9b};
  static constexpr uint8_t kLocalNat64[6] = {0, 0x64, 0xff, 0x9b, 0, 1};
  if (StartsWith(address, k6to4)) return IsForbidden4(Inner(address, 2));
  const bool holds4 =
      IN6_IS_ADDR_V4MAPPED(&address) || IN6_IS_ADDR_V4COMPAT(&address) ||
      StartsWith(address, kNat64) || StartsWith(address, kLocalNat64);
  return holds4 && IsForbidden4(Inner(address, 12));
}

// The host of a URL, in lower case, without brackets, user and port; "" if the
// URL has none where it belongs.
std::string HostOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return "";
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  const size_t at = url.rfind('@');
  if (at != absl::string_view::npos) url.remove_prefix(at + 1);
  if (absl::ConsumePrefix(&url, "[")) {
    url = url.substr(0, url.find_first_of("]%"));
  } else {
    url = url.substr(0, url.find(':'));
  }
  absl::ConsumeSuffix(&url, ".");
  return absl::AsciiStrToLower(url);
}

}  // namespace

std::string ForbiddenAddress(const sockaddr& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof(in));
    if (!IsForbidden4(ntohl(in.sin_addr.s_addr))) return "";
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof(in));
    if (!IsForbidden6(in.sin6_addr)) return "";
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
  }
  return text;
}

bool NamesForbiddenHost(absl::string_view url) {
  const std::string host = HostOf(url);
  // curl decodes and maps other hosts before it connects.
  if (host.empty() || host.find_first_not_of(kPlain) != std::string::npos) {
    return true;
  }
  if (host == "metadata" || host == "metadata.google.internal" ||
      host == "metadata.goog" || host == "instance-data" ||
      host == "instance-data.ec2.internal") {
    return true;
  }
  in_addr four{};
  // inet_aton takes 0xa9fea9fe and 2852039166 too, as resolvers do.
  if (inet_aton(host.c_str(), &four) != 0) {
    return IsForbidden4(ntohl(four.s_addr));
  }
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 && IsForbidden6(six);
}

}  // namespace lakefs::gateway
