#include "client/object_uri.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "client/failure.h"
#include "client/upload_header.h"

namespace lakefs::staging {
namespace {

using ::testing::HasSubstr;

TEST(ObjectUriTest, TakesRepositoryBranchAndPathApart) {
  const auto object = ParseObjectUri("lakefs://quickstart/main/data/a.csv");
  ASSERT_TRUE(object.ok()) << object.status();
  EXPECT_EQ(object->repository(), "quickstart");
  EXPECT_EQ(object->branch(), "main");
  EXPECT_EQ(object->path(), "data/a.csv");
}

TEST(ObjectUriTest, KeepsThePathByteForByte) {
  for (const std::string path :
       {"/a", "a//b/", "a?x=1#y", "100%25", " a ", "ü/\n", "lakefs://a/b/c"}) {
    const auto object = ParseObjectUri("lakefs://r/b/" + path);
    ASSERT_TRUE(object.ok()) << object.status();
    EXPECT_EQ(object->path(), path);
    EXPECT_EQ(ObjectUri(*object), "lakefs://r/b/" + path);
  }
}

TEST(ObjectUriTest, NamesWhatIsMissing) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "does not begin with lakefs://"},
      {"s3://r/b/p", "does not begin with lakefs://"},
      {"lakefs:/r/b/p", "does not begin with lakefs://"},
      {"lakefs://", "names no repository"},
      {"lakefs:///b/p", "names no repository"},
      {"lakefs://r", "names no branch"},
      {"lakefs://r//p", "names no branch"},
      {"lakefs://r/b", "names no path"},
      {"lakefs://r/b/", "names no path"},
      {"lakefs://r/b/\xff", "is not UTF-8"},
  };
  for (const auto& [uri, what] : cases) {
    const auto object = ParseObjectUri(uri);
    EXPECT_EQ(object.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(object.status().message()), HasSubstr(what)) << uri;
    EXPECT_EQ(FailureOf(object.status()).reason, kInvalidRequest);
  }
}

TEST(Utf8Test, TakesWhatRfc3629TakesAndNothingElse) {
  for (const absl::string_view good :
       {"", "a", "\x7f", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(IsUtf8(good)) << good;
  }
  for (const absl::string_view bad :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2\x41", "\xe0\x9f\xbf",
        "\xed\xa0\x80", "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80", "a\xff"}) {
    EXPECT_FALSE(IsUtf8(bad));
  }
}

}  // namespace
}  // namespace lakefs::staging
