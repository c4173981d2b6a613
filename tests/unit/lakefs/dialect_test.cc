#include "gateway/lakefs/dialect.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

// Addresses and configurations as recorded from each release.
constexpr char kSigned[] =
    "s3://lake/w/data/ft5kotpksdufmqp6v2j0/dc1rvt1ksdufmqp7abj0,"
    "Zi1xo_zwngYuAhhJC9rv5pa75jEfTPUdKKnzeLgKXVg";
constexpr char kUnsigned[] = "s3://lake/w/data/ft5klihk/dc1rokpk";

Dialect Of(const char* version, std::optional<bool> presign,
           std::optional<bool> multipart, const char* address) {
  return DialectOf({.version = version,
                    .pre_sign_support = presign,
                    .pre_sign_multipart_upload = multipart},
                   {.physical_address = address});
}

TEST(DialectTest, EachReleaseIsKnownByWhatItShows) {
  struct Row {
    const char* version;
    std::optional<bool> presign, multipart;
    const char* address;
    Dialect dialect;
  };
  using std::chrono::hours;
  const Row rows[] = {
      {"0.66.0",
       {},
       {},
       "s3://lake/w/data/w-main:e40b/EbEI",
       {.relinkable = true, .form_upload = true, .max_parts = 10'000}},
      {"0.101.0",
       true,
       {},
       kUnsigned,
       {.presign = true,
        .form_upload = true,
        .link_deadline = hours(6),
        .max_parts = 10'000}},
      {"1.21.0",
       true,
       true,
       kUnsigned,
       {.presign = true,
        .multipart = true,
        .conditional_link = true,
        .link_deadline = hours(6),
        .max_parts = 10'000}},
      {"1.11.0",
       true,
       true,
       kUnsigned,
       {.presign = true,
        .multipart = true,
        .link_deadline = hours(6),
        .max_parts = 10'000}},
      {"1.79.0",
       true,
       true,
       kSigned,
       {.presign = true,
        .multipart = true,
        .conditional_link = true,
        .relinkable = true,
        .part_urls = true,
        .link_deadline = hours(6),
        .max_parts = 1'000}},
      {"dev",
       true,
       true,
       kUnsigned,
       {.presign = true,
        .multipart = true,
        .link_deadline = hours(6),
        .max_parts = 10'000}},
      {"dev",
       true,
       true,
       kSigned,
       {.presign = true,
        .multipart = true,
        .conditional_link = true,
        .relinkable = true,
        .link_deadline = hours(6),
        .max_parts = 10'000}},
      {"1.84.0",
       false,
       false,
       kSigned,
       {.conditional_link = true,
        .relinkable = true,
        .part_urls = true,
        .link_deadline = hours(24),
        .max_parts = 10'000}},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.version);
    const Dialect got =
        Of(row.version, row.presign, row.multipart, row.address);
    EXPECT_EQ(got.presign, row.dialect.presign);
    EXPECT_EQ(got.multipart, row.dialect.multipart);
    EXPECT_EQ(got.conditional_link, row.dialect.conditional_link);
    EXPECT_EQ(CheckConditional(got).ok(), row.dialect.conditional_link);
    EXPECT_EQ(got.relinkable, row.dialect.relinkable);
    EXPECT_EQ(got.part_urls, row.dialect.part_urls);
    EXPECT_EQ(got.form_upload, row.dialect.form_upload);
    EXPECT_EQ(got.link_deadline, row.dialect.link_deadline);
    EXPECT_EQ(got.max_parts, row.dialect.max_parts);
  }
}

TEST(DialectTest, PartUrlsAreBelievedOfNewReleasesAndOfWhatLooksLikeThem) {
  const auto part_urls = [](const char* version, bool has_storage_list) {
    return DialectOf({.version = version, .has_storage_list = has_storage_list})
        .part_urls;
  };
  EXPECT_FALSE(part_urls("1.21.0", false));
  EXPECT_FALSE(part_urls("1.54.0", true));
  EXPECT_TRUE(part_urls("1.55.0", true));
  EXPECT_TRUE(part_urls("1.84.0", false)) << "the version goes before";
  EXPECT_TRUE(part_urls("dev", true));
  EXPECT_FALSE(part_urls("dev", false)) << "to have all at once always works";
  EXPECT_FALSE(part_urls("", false));
}

TEST(DialectTest, AnMtimeIsRefusedWhereALinkWouldDropIt) {
  const auto takes = [](const char* version, bool has_storage_list) {
    return CheckMtime(
               {.version = version, .has_storage_list = has_storage_list})
        .ok();
  };
  for (const char* old : {"0.66.0", "0.101.0", "1.21.0", "1.41.0"}) {
    EXPECT_FALSE(takes(old, false)) << old;
  }
  EXPECT_TRUE(takes("1.42.0", false));
  EXPECT_TRUE(takes("1.84.0", true));
  EXPECT_TRUE(takes("dev", true));
  EXPECT_FALSE(takes("dev", false));
}

// Up to v0.66 PostgreSQL sees to it that one of many creates the object; what
// came then overwrites, until If-None-Match came.
TEST(DialectTest, ACreateThroughLakefsIsBelievedWhereItIsExact) {
  const auto creates = [](const char* version) {
    return DialectOf({.version = version}).conditional_upload;
  };
  for (const char* exact : {"0.48.0", "0.66.0", "1.12.0", "1.84.0", "dev"}) {
    EXPECT_TRUE(creates(exact)) << exact;
  }
  for (const char* overwrites : {"0.67.0", "0.101.0", "1.0.0", "1.11.0"}) {
    EXPECT_FALSE(creates(overwrites)) << overwrites;
  }
}

TEST(DialectTest, CreatesAreSkippedWhileAddressesAreTakenOnce) {
  const auto skips = [](const char* version) {
    return DialectOf({.version = version}).skips_creates;
  };
  EXPECT_TRUE(skips("1.12.0"));
  EXPECT_TRUE(skips("1.21.0"));
  for (const char* writes : {"0.66.0", "1.11.0", "1.22.0", "1.84.0", "dev"}) {
    EXPECT_FALSE(skips(writes)) << writes;
  }
}

TEST(DialectTest, IfMatchIsRefusedWhereItWouldBeIgnored) {
  const auto takes = [](const char* version, bool has_storage_list) {
    return CheckIfMatch(
               {.version = version, .has_storage_list = has_storage_list})
        .ok();
  };
  for (const char* old : {"0.66.0", "0.101.0", "1.21.0", "1.70.0"}) {
    EXPECT_FALSE(takes(old, true)) << old;
  }
  EXPECT_TRUE(takes("1.71.0", false));
  EXPECT_TRUE(takes("1.84.0", true));
  EXPECT_TRUE(takes("dev", true));
  EXPECT_FALSE(takes("dev", false));
}

TEST(DialectTest, ASignatureIsACommaAnd43CharactersOfBase64url) {
  EXPECT_TRUE(IsSignedAddress(kSigned));
  EXPECT_FALSE(IsSignedAddress(kUnsigned));
  EXPECT_FALSE(IsSignedAddress("s3://b/x,short"));
  EXPECT_FALSE(IsSignedAddress(std::string(kSigned) + "x"));
  EXPECT_FALSE(IsSignedAddress("s3://b/x," + std::string(43, '+')));
  EXPECT_FALSE(IsSignedAddress(""));
}

TEST(DialectTest, ALocalStoresAddressIsShownWithItsRootTwice) {
  EXPECT_TRUE(IsShownAs("s3://b/data/x", "s3://b/data/x"));
  EXPECT_FALSE(IsShownAs("s3://b/data/x", "s3://b/data/y"));
  EXPECT_FALSE(IsShownAs("s3:///b/b/data/x", "s3:///b/b/b/data/x"));
  // A root that repeats itself, or that the namespace repeats, is no trap.
  for (const char* root : {"/srv", "/srv/srv", "/srv/srv/srv", "/data"}) {
    for (const char* name : {"lake", "srv", "data"}) {
      const std::string path = absl::StrCat(root, "/", name, "/data/a/b,s");
      const std::string given = absl::StrCat("local://", path);
      EXPECT_TRUE(IsShownAs(given, given));
      EXPECT_TRUE(IsShownAs(given, absl::StrCat("local://", root, path)));
      EXPECT_FALSE(IsShownAs(given, absl::StrCat("local:///var", path)));
      EXPECT_FALSE(IsShownAs(given, absl::StrCat("local:///sr", path)));
      EXPECT_FALSE(IsShownAs(given, absl::StrCat(given, "/x")));
    }
  }
  EXPECT_TRUE(ShowsAddress("s3://b/data/x"));
  EXPECT_FALSE(ShowsAddress("local:///srv/lake/data/x"));
}

TEST(DialectTest, TheRootOfALocalStoreIsShownOnce) {
  const auto once = [](const std::string& shown) {
    return WithRootOnce(shown, "/datax");
  };
  EXPECT_EQ(once("local:///datax/datax/lake/data/a/b"),
            "local:///datax/lake/data/a/b");
  EXPECT_EQ(once("local:///datax/lake/data/a/b"),
            "local:///datax/lake/data/a/b");
  // Of the namespace local://datax.
  EXPECT_EQ(once("local:///datax/datax/data/a/b"),
            "local:///datax/datax/data/a/b");
  EXPECT_EQ(once("local:///datax/datax/datax/data/a/b"),
            "local:///datax/datax/data/a/b");
  // What went through lakeFS before v1.0.
  EXPECT_EQ(once("local:///datax/datax/0123"), "local:///datax/datax/0123");
  EXPECT_EQ(once("local:///datax/dataxy/data/a/b"),
            "local:///datax/dataxy/data/a/b");
  EXPECT_EQ(once("s3://datax/datax/lake/data/a/b"),
            "s3://datax/datax/lake/data/a/b");
  EXPECT_EQ(WithRootOnce("local:///datax/datax/lake/data/a", "/datax/"),
            "local:///datax/lake/data/a");
  EXPECT_EQ(WithRootOnce("local:///a/a/lake/data/a", ""),
            "local:///a/a/lake/data/a");
}

}  // namespace
}  // namespace lakefs::gateway
