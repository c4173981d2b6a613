#include "gateway/base/network.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>

namespace lakefs::gateway::testing {
namespace {

in6_addr Address(const char* text) {
  in6_addr six{};
  if (inet_pton(AF_INET6, text, &six) == 1) return six;
  in_addr four{};
  EXPECT_EQ(inet_pton(AF_INET, text, &four), 1) << text;
  return Mapped(four);
}

TEST(NetworkTest, AnAddressIsInItsNetworkUpToTheLastBit) {
  const std::tuple<const char*, const char*, bool> cases[] = {
      {"169.254.171.0/24", "169.254.171.0", true},
      {"169.254.171.0/24", "169.254.171.255", true},
      {"169.254.171.0/24", "169.254.170.255", false},
      {"169.254.171.0/24", "169.254.172.0", false},
      {"10.0.0.128/25", "10.0.0.127", false},
      {"10.0.0.128/25", "10.0.0.200", true},
      {"10.0.0.3/31", "10.0.0.2", true},
      {"10.0.0.3", "10.0.0.3", true},
      {"10.0.0.3", "10.0.0.2", false},
      {"0.0.0.0/0", "255.255.255.255", true},
      {"0.0.0.0/0", "fd00::1", false},
      {"::/0", "fd00::1", true},
      {"::/0", "1.2.3.4", true},
      {"::ffff:10.0.0.0/104", "10.1.2.3", true},
      {"fd00:ec2:80::/64", "fd00:ec2:80::ffff", true},
      {"fd00:ec2:80::/64", "fd00:ec2:80:1::", false},
      {"fd00::1/128", "fd00::1", true},
      {"fd00::1/128", "fd00::", false},
      {"fe80::/10", "febf::1", true},
      {"fe80::/10", "fec0::1", false},
  };
  for (const auto& [network, address, is_in] : cases) {
    const auto parsed = Network::Parse(network);
    ASSERT_TRUE(parsed.has_value()) << network;
    EXPECT_EQ(parsed->Contains(Address(address)), is_in)
        << network << " " << address;
  }
}

TEST(NetworkTest, WhatIsNoNetworkIsRefused) {
  for (const char* text :
       {"", "/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/", "10.0.0.0/8/8",
        "10.0.0/8", "fd00::/129", "fd00::/x", "example.com/8", "all"}) {
    EXPECT_FALSE(Network::Parse(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
