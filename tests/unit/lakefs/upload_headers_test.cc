#include "gateway/lakefs/upload_headers.h"

#include <gmock/gmock.h>

namespace lakefs::gateway::testing {
namespace {

using ::testing::IsEmpty;

bool TypeArrives(const std::string& type) {
  return HeaderViolations(type, {}, "header.").empty();
}

TEST(UploadHeadersTest, AContentTypeThatGoParsesArrives) {
  for (const char* type :
       {"", "text/html", "text", "TEXT/Html", "text/html; charset=utf-8",
        "text/html;charset=\"utf-8\"", "text/html ; a = b",
        "a/b; c=\"x \\\" ; y\"; d=e", "text/html;", "text/html; ",
        "application/vnd.apache.parquet", "a/b; c=\"\"", "x/y+z; q=0.5",
        "multipart/mixed; boundary=x", "application/x-www-form-urlencoded"}) {
    EXPECT_EQ(TypeArrives(type), std::string(type) != "text/html; ") << type;
  }
}

TEST(UploadHeadersTest, AContentTypeThatLakefsWouldFailOnIsRefused) {
  for (const char* type :
       {"text/html; charset", "text/html; =utf-8",
        "text/html; charset=", "text/", "/html", "text/html/x", "text html",
        "text/html;;", ";", "text/html; charset=\"utf-8", "text/html; a=b c",
        "a/b; c=d; C=e", "text/html, text/plain", "text/h\xC3\xA4",
        " text/html", "text/html\t", "multipart/form-data",
        "Multipart/Form-Data; boundary=x", "multipart/form-data ;boundary=x"}) {
    EXPECT_FALSE(TypeArrives(type)) << type;
  }
}

TEST(UploadHeadersTest, MetadataThatHeadersWouldChangeIsNamed) {
  EXPECT_THAT(HeaderViolations("", {{"a-1_b", "v w"}, {"k", "\"=,;"}}, ""),
              IsEmpty());
  for (const UserMetadata& metadata :
       {UserMetadata{{"Key", "v"}}, UserMetadata{{"k", "\xC3\xA4"}},
        UserMetadata{{"k", ""}}, UserMetadata{{"k", " v"}},
        UserMetadata{{"k", "v "}}, UserMetadata{{"k", "v\t"}},
        UserMetadata{{"k", "a\r\nb: c"}}, UserMetadata{{"k", "a\x7F"}},
        UserMetadata{{"k", " "}}, UserMetadata{{"k:", "v"}},
        UserMetadata{{"::lakefs::x", "v"}}, UserMetadata{{"\xC3\xA4", "v"}},
        UserMetadata{{"a b", "v"}}, UserMetadata{{"a.b", "v"}}}) {
    const auto found = HeaderViolations("", metadata, "header.");
    ASSERT_EQ(found.size(), 1U) << metadata.begin()->first;
    EXPECT_EQ(found[0].field, "header.user_metadata");
  }
  EXPECT_EQ(HeaderViolations("a b", {{"K", "v"}, {"k", "v "}}, "").size(), 3U);
}

}  // namespace
}  // namespace lakefs::gateway::testing
