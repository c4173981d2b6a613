#include "gateway/http/forbidden_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {
namespace {

constexpr char kPlain[] = "abcdefghijklmnopqrstuvwxyz0123456789.-_:";

std::vector<Network> Networks(std::initializer_list<const char*> texts) {
  std::vector<Network> networks;
  for (const char* text : texts) networks.push_back(*Network::Parse(text));
  return networks;
}

// What hands out credentials, and what else a cloud has beside that.
const std::vector<Network>& Services() {
  static const std::vector<Network> services = Networks({
      "169.254.169.0/24",    // nearly all clouds' metadata; Amazon's DNS, time
      "169.254.170.0/24",    // Amazon's for containers and pods
      "169.254.0.23",        // Tencent
      "169.254.42.42",       // Scaleway
      "100.100.100.200",     // Alibaba
      "192.0.0.192",         // Oracle
      "168.63.129.16",       // Azure's wire server
      "fd00:ec2::/64",       // Amazon
      "fd20:ce::254",        // Google
      "fd00:42::42",         // Scaleway
      "fd00:c1::a9fe:a9fe",  // Oracle
      "fe80::a9fe:a9fe",     // OpenStack
  });
  return services;
}

const std::vector<Network>& LinkLocal() {
  static const std::vector<Network> networks =
      Networks({"169.254.0.0/16", "fe80::/10", "fd00:ec2::/32"});
  return networks;
}

bool IsIn(const in6_addr& address, std::span<const Network> networks) {
  return std::any_of(
      networks.begin(), networks.end(),
      [&](const Network& network) { return network.Contains(address); });
}

// The address of IPv4 that this one of IPv6 stands for, mapped, if any.
std::optional<in6_addr> Inner(const in6_addr& address) {
  static const Network k6to4 = *Network::Parse("2002::/16");
  static const std::vector<Network> others =
      Networks({"::/96", "64:ff9b::/96", "64:ff9b:1::/48"});
  size_t at = 12;
  if (k6to4.Contains(address)) {
    at = 2;
  } else if (!IsIn(address, others)) {
    return std::nullopt;
  }
  in_addr inner{};
  std::memcpy(&inner, address.s6_addr + at, sizeof(inner));
  return Mapped(inner);
}

bool IsForbidden(const in6_addr& address, std::span<const Network> allowed) {
  if (const auto inner = Inner(address)) return IsForbidden(*inner, allowed);
  return IsIn(address, Services()) ||
         (IsIn(address, LinkLocal()) && !IsIn(address, allowed));
}

}  // namespace

std::string ForbiddenAddress(const sockaddr& address,
                             std::span<const Network> allowed) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof(in));
    if (!IsForbidden(Mapped(in.sin_addr), allowed)) return "";
    inet_ntop(AF_INET, &in.sin_addr, text, sizeof(text));
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof(in));
    if (!IsForbidden(in.sin6_addr, allowed)) return "";
    inet_ntop(AF_INET6, &in.sin6_addr, text, sizeof(text));
  }
  return text;
}

bool NamesForbiddenHost(absl::string_view url,
                        std::span<const Network> allowed) {
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
    return IsForbidden(Mapped(four), allowed);
  }
  in6_addr six{};
  return inet_pton(AF_INET6, host.c_str(), &six) == 1 &&
         IsForbidden(six, allowed);
}

}  // namespace lakefs::gateway
