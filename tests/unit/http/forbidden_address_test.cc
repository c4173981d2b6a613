#include "gateway/http/forbidden_address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace lakefs::gateway::testing {
namespace {

std::string Check(const char* text, std::span<const Network> allowed = {}) {
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  if (inet_pton(AF_INET6, text, &six.sin6_addr) == 1) {
    return ForbiddenAddress(reinterpret_cast<sockaddr&>(six), allowed);
  }
  sockaddr_in four{};
  four.sin_family = AF_INET;
  EXPECT_EQ(inet_pton(AF_INET, text, &four.sin_addr), 1) << text;
  return ForbiddenAddress(reinterpret_cast<sockaddr&>(four), allowed);
}

TEST(ForbiddenAddressTest, LinkLocalAndMetadataAddressesAreForbidden) {
  for (const char* text :
       {"169.254.169.254", "169.254.0.1", "100.100.100.200", "192.0.0.192",
        "168.63.129.16", "fe80::1", "febf::1", "fd00:ec2::254", "fd00:ec2::23",
        "fd00:ec2:ffff::1", "fd20:ce::254", "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe", "::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
        "64:ff9b:1:abcd::a83f:8110", "2002:a9fe:a9fe::1", "2002:6464:64c8::"}) {
    EXPECT_EQ(Check(text).empty(), false) << text;
  }
}

TEST(ForbiddenAddressTest, OthersAreNot) {
  for (const char* text :
       {"127.0.0.1", "10.0.0.1", "169.253.255.255", "169.255.0.0",
        "100.100.100.201", "8.8.8.8", "::1", "fec0::1", "fd00:ec1::254",
        "fd20:ce::253", "::ffff:10.0.0.1", "2a00::a9fe:a9fe", "2002:a00:1::1",
        "2002:a00:1::a9fe:a9fe", "64:ff9b:2::a9fe:a9fe",
        "64:ff9b:1::10.0.0.1"}) {
    EXPECT_EQ(Check(text), "") << text;
  }
}

TEST(ForbiddenAddressTest, WhatIsAllowedIsOpen) {
  const Network allowed[] = {*Network::Parse("169.254.171.0/24"),
                             *Network::Parse("fd00:ec2:80::/64")};
  for (const char* text : {"169.254.171.7", "::ffff:169.254.171.7",
                           "64:ff9b::a9fe:ab07", "fd00:ec2:80::7"}) {
    EXPECT_NE(Check(text), "") << text;
    EXPECT_EQ(Check(text, allowed), "") << text;
  }
  EXPECT_TRUE(NamesForbiddenHost("http://169.254.171.7/"));
  EXPECT_FALSE(NamesForbiddenHost("http://169.254.171.7/", allowed));
  EXPECT_FALSE(NamesForbiddenHost("http://[fd00:ec2:80::7]/", allowed));
  for (const char* text : {"169.254.172.7", "fe80::1", "fd00:ec2:81::7"}) {
    EXPECT_EQ(Check(text, allowed), text);
  }
}

TEST(ForbiddenAddressTest, MetadataServicesAreNotWhateverIsAllowed) {
  const Network all[] = {*Network::Parse("::/0"), *Network::Parse("0.0.0.0/0"),
                         *Network::Parse("169.254.169.254"),
                         *Network::Parse("fd00:ec2::254")};
  for (const char* text :
       {"169.254.169.254", "169.254.170.2", "169.254.170.23", "169.254.0.23",
        "169.254.42.42", "100.100.100.200", "192.0.0.192", "168.63.129.16",
        "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:42::42",
        "fd00:c1::a9fe:a9fe", "fe80::a9fe:a9fe", "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1"}) {
    EXPECT_EQ(Check(text, all), text);
  }
  for (const char* url :
       {"http://169.254.169.254/", "http://2852039166/",
        "http://[::ffff:169.254.170.2]/", "http://metadata.google.internal/"}) {
    EXPECT_TRUE(NamesForbiddenHost(url, all)) << url;
  }
}

TEST(ForbiddenAddressTest, UrlsThatNameThemAreKnownHoweverTheyAreWritten) {
  for (const char* url :
       {"http://169.254.169.254/latest", "http://2852039166/",
        "http://0xa9fea9fe:80/x", "http://0251.0376.0251.0376/",
        "https://user@METADATA.google.internal./x", "http://[fe80::1%25eth0]/",
        "http://[::ffff:169.254.169.254]:80/", "http://metadata/",
        // As curl reads them, this is where they lead.
        "http://%31%36%39.254.169.254/", "http:///169.254.169.254/",
        "http:/169.254.169.254/", "169.254.169.254/",
        "http://\xef\xbc\x91\x36\x39.254.169.254/"}) {
    EXPECT_TRUE(NamesForbiddenHost(url)) << url;
  }
  for (const char* url :
       {"http://127.0.0.1:8000/a", "https://s3.amazonaws.com/b?x=169.254.1.1",
        "http://h/169.254.169.254", "http://[::1]:9000/",
        "http://mymetadata.example/"}) {
    EXPECT_FALSE(NamesForbiddenHost(url)) << url;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
