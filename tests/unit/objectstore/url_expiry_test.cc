#include "gateway/objectstore/url_expiry.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

// 2026-11-24T12:00:00Z, by the signer's clock.
const WallTime kNow{seconds(1'795'521'600)};

std::optional<seconds> Of(absl::string_view query) {
  return UrlLifetime(absl::StrCat("https://store/bucket/key?", query), kNow);
}

TEST(UrlExpiryTest, S3AndGoogleTellTheSpan) {
  EXPECT_EQ(Of("X-Amz-Date=20200101T000000Z&X-Amz-Expires=900&x=y"),
            seconds(900));
  EXPECT_EQ(Of("X-Goog-Expires=3600&X-Goog-Signature=ab"), seconds(3600));
  EXPECT_EQ(Of("x-amz-expires=60"), seconds(60)) << "in any case";
}

TEST(UrlExpiryTest, AzureTellsTheEnd) {
  EXPECT_EQ(Of("sv=2023-11-03&se=2026-11-24T12%3A15%3A00Z&sr=b"), seconds(900));
  EXPECT_EQ(Of("se=2026-11-24T12%3a15%3a00Z"), seconds(900));
  EXPECT_EQ(Of("se=2026-11-24T12:15:00Z"), seconds(900));
  EXPECT_EQ(Of("se=2026-11-24T12%3A15Z"), seconds(900));
  EXPECT_EQ(Of("se=2026-11-25"), seconds(12 * 3600));
}

TEST(UrlExpiryTest, AzuresOwnBeginGoesBeforeTheClock) {
  EXPECT_EQ(Of("st=2026-11-24T09%3A00%3A00Z&se=2026-11-24T09%3A10%3A00Z"),
            seconds(600))
      << "the signer's clock and ours may be hours apart";
}

TEST(UrlExpiryTest, WhatHasEndedIsZero) {
  EXPECT_EQ(Of("se=2026-11-24T11%3A59%3A59Z"), seconds(0));
  EXPECT_EQ(Of("X-Amz-Expires=0"), seconds(0));
}

TEST(UrlExpiryTest, NobodySignsForMoreThanAWeek) {
  EXPECT_EQ(Of("X-Amz-Expires=9223372036854775807"), seconds(7 * 24 * 3600));
  EXPECT_EQ(Of("se=9999-12-31T00%3A00%3A00Z"), seconds(7 * 24 * 3600));
}

TEST(UrlExpiryTest, WhatDoesNotTellIsNothing) {
  for (const char* query :
       {"", "X-Amz-Expires=", "X-Amz-Expires=-1", "X-Amz-Expires=soon",
        "X-Amz-Expires=99999999999999999999", "se=tomorrow", "se=2026-11",
        "NotX-Amz-Expires=900"}) {
    EXPECT_EQ(Of(query), std::nullopt) << query;
  }
  EXPECT_EQ(UrlLifetime("https://store/X-Amz-Expires=900", kNow), std::nullopt);
}

}  // namespace
}  // namespace lakefs::gateway
