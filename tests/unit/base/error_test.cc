#include "gateway/base/error.h"

#include <gmock/gmock.h>

#include <fstream>
#include <regex>
#include <set>

#include "absl/strings/str_split.h"
#include "tests/testing/matchers.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(ErrorTest, DetailsSurviveTheStatus) {
  const absl::Status status =
      MakeError(absl::StatusCode::kNotFound, "gone",
                {.reason = Reason::kNotFound,
                 .metadata = {{"operation", "statObject"}},
                 .retry_after = std::chrono::milliseconds(1'500),
                 .violations = {{"a.b", "is wrong"}},
                 .resource_type = "branch",
                 .resource_name = "repo/main"});
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.reason, Reason::kNotFound);
  EXPECT_THAT(details.metadata, ElementsAre(Pair("operation", "statObject")));
  EXPECT_EQ(details.retry_after, std::chrono::milliseconds(1'500));
  ASSERT_EQ(details.violations.size(), 1U);
  EXPECT_EQ(details.violations[0].field, "a.b");
  EXPECT_EQ(details.violations[0].description, "is wrong");
  EXPECT_EQ(details.resource_type, "branch");
  EXPECT_EQ(details.resource_name, "repo/main");
}

TEST(ErrorTest, AnnotationKeepsCodeAndDetails) {
  const absl::Status status = Annotate(
      MakeError(absl::StatusCode::kAborted, "why", Reason::kLinkConflict),
      "link a/b");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(status, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(status.message(), "link a/b: why");
  EXPECT_THAT(Annotate(absl::OkStatus(), "x"), IsOk());
}

TEST(ErrorTest, AStatusOfOthersGetsAReasonByItsCode) {
  EXPECT_THAT(absl::CancelledError(""), HasReason(Reason::kCancelled));
  EXPECT_THAT(absl::InternalError(""), HasReason(Reason::kInternal));
}

TEST(ErrorTest, TheReadmeSaysWhatToDoOnEveryReasonAndOnNoOther) {
  std::ifstream file(SourceDir() + "/README.md");
  const std::regex row(R"(^\| [^|]+\| ([A-Z_, ]+) \|[^|]+\|[^|]*\S[^|]*\|$)");
  std::set<std::string> told;
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (line.find("reasons of their own") != std::string::npos) break;
    if (!std::regex_search(line, match, row)) continue;
    const std::string reasons = match[1];
    for (absl::string_view reason : absl::StrSplit(reasons, ", ")) {
      told.emplace(reason);
    }
  }
  EXPECT_GT(told.size(), 20U);
  for (int i = 0; i <= static_cast<int>(Reason::kInternal); ++i) {
    const std::string name(ReasonName(static_cast<Reason>(i)));
    EXPECT_EQ(told.erase(name), 1U) << name;
  }
  EXPECT_THAT(told, ::testing::IsEmpty());
}

TEST(ErrorTest, BrokenUtf8DoesNotThrow) {
  const absl::Status status =
      MakeError(absl::StatusCode::kInternal, "x",
                {.reason = Reason::kInternal, .metadata = {{"k", "\xff\xfe"}}});
  EXPECT_THAT(status, HasReason(Reason::kInternal));
}

TEST(ErrorTest, ViolationsAreOneLineAndNoneIsOk) {
  EXPECT_THAT(InvalidRequest({}), IsOk());
  EXPECT_EQ(InvalidRequest({{"a", "x"}, {"b", "y"}}).message(), "a: x; b: y");
}

TEST(ErrorTest, AnExcerptLeavesOutWhatIsSecretInUrls) {
  EXPECT_EQ(Excerpt("Put \"https://s/b/k?X-Amz-Signature=S&a=b\": EOF"),
            "Put \"https://s/b/k?...\": EOF");
  EXPECT_EQ(Excerpt("<U>http://s/k?sig=S</U> /k?a=S, next"),
            "<U>http://s/k?...</U> /k?... next");
  EXPECT_EQ(Excerpt("https://user:password@host/p"), "https://...@host/p");
  EXPECT_EQ(Excerpt(std::string(300, ' ') + "?a=S"), std::string(256, ' '));
  EXPECT_EQ(Excerpt("what? a=b, c@d"), "what? a=b, c@d");
}

TEST(ErrorTest, AnExcerptIsShortAndInOneLine) {
  EXPECT_EQ(Excerpt(std::string(1'000, 'x')).size(), 256U);
  EXPECT_EQ(Excerpt("a\nb\x01"), "a b ");
}

TEST(ErrorTest, AnExcerptIsUtf8) {
  EXPECT_EQ(Excerpt("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"),
            "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80");
  EXPECT_EQ(Excerpt("a\xff\x80z"), "a??z");
  EXPECT_EQ(Excerpt("\xc0\xaf \xed\xa0\x80 \xf4\x90\x80\x80 \xe2\x82"),
            "?? ??? ???? ??");
  const std::string long_text = std::string(255, 'x') + "\xc3\xa4";
  EXPECT_EQ(Excerpt(long_text), std::string(255, 'x'))
      << "no character is cut through";
}

}  // namespace
}  // namespace lakefs::gateway::testing
