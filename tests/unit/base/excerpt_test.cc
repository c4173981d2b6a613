#include "gateway/base/excerpt.h"

#include <gtest/gtest.h>

#include <random>

#include "nlohmann/json.hpp"

namespace lakefs::gateway::testing {
namespace {

TEST(ExcerptTest, ItLeavesOutWhatIsSecretInUrls) {
  EXPECT_EQ(Excerpt("Put \"https://s/b/k?X-Amz-Signature=S&a=b\": EOF"),
            "Put \"https://s/b/k?...\": EOF");
  EXPECT_EQ(Excerpt("<U>http://s/k?sig=S</U> /k?a=S, next"),
            "<U>http://s/k?...</U> /k?... next");
  EXPECT_EQ(Excerpt("https://user:password@host/p"), "https://...@host/p");
  EXPECT_EQ(Excerpt(std::string(300, ' ') + "?a=S"), std::string(256, ' '));
  EXPECT_EQ(Excerpt("what? a=b, c@d"), "what? a=b, c@d");
}

TEST(ExcerptTest, ItLeavesOutCredentialsAndWhatIsNamedASecret) {
  EXPECT_EQ(Excerpt("got Bearer eyJhbGciOi.x.y here"), "got Bearer ... here");
  EXPECT_EQ(Excerpt("Authorization: basic YWRtaW46cHc="),
            "Authorization: basic ...");
  EXPECT_EQ(Excerpt("no basic authentication, no bearer token"),
            "no basic authentication, no bearer token");
  EXPECT_EQ(Excerpt("sig=abc, --presign=off or --token-file=/f, design=x"),
            "sig=... --presign=off or --token-file=/f, design=x");
  EXPECT_EQ(Excerpt("AWS4 Credential=AK/2026, Signature=abc x-token=t n=1"),
            "AWS4 Credential=... Signature=... x-token=... n=1");
}

TEST(ExcerptTest, ItIsInOneLineAndShowsItselfAsItIs) {
  EXPECT_EQ(Excerpt("a\nb\x01"), "a b ");
  // A next line, a line separator, and a mark that turns what follows around.
  EXPECT_EQ(Excerpt("a\xC2\x85"
                    "b\xE2\x80\xA8"
                    "c\xE2\x80\xAE"
                    "d"),
            "a b c d");
}

TEST(ExcerptTest, ItIsBoundedInCharactersAndCutsNone) {
  EXPECT_EQ(Excerpt(std::string(1'000, 'x')), std::string(256, 'x'));
  std::string umlauts, many;
  for (int i = 0; i < 300; ++i) umlauts += "\xC3\xA4";
  EXPECT_EQ(Excerpt(umlauts), umlauts.substr(0, 512));
  EXPECT_EQ(Excerpt(umlauts, 64), umlauts.substr(0, 128));
}

TEST(ExcerptTest, BrokenUtf8IsReplaced) {
  const std::string no = "\xEF\xBF\xBD";
  EXPECT_EQ(Excerpt("a\xFF"
                    "b"),
            "a" + no + "b");
  EXPECT_EQ(Excerpt("\xC3"), no);                             // cut off
  EXPECT_EQ(Excerpt("\xC0\xAF"), no + no);                    // overlong
  EXPECT_EQ(Excerpt("\xED\xA0\x80"), no + no + no);           // half of a pair
  EXPECT_EQ(Excerpt("\xF4\x90\x80\x80"), no + no + no + no);  // too large
  EXPECT_EQ(Excerpt("\xF0\x9F\x8C\x8A \xE2\x82\xAC \xC2\xA2"),
            "\xF0\x9F\x8C\x8A \xE2\x82\xAC \xC2\xA2");
}

TEST(ExcerptTest, WhateverComesInUtf8GoesOut) {
  std::mt19937 random(1);
  for (int i = 0; i < 2'000; ++i) {
    std::string text(random() % 400, '\0');
    for (char& c : text) c = static_cast<char>(random() % 3 ? random() : 0xE2);
    const std::string told = Excerpt(text, 100);
    EXPECT_LE(told.size(), 400U);
    EXPECT_NO_THROW((void)nlohmann::json(told).dump());  // strict UTF-8
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
