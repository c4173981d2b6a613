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

TEST(ErrorTest, TheDocumentSaysWhatToDoOnEveryReasonAndOnNoOther) {
  std::ifstream file(SourceDir() + "/client/ERRORS.md");
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

TEST(ErrorTest, AnErrorIsBoundedAndPrintableWhateverItIsMadeOf) {
  std::string nasty;
  for (int i = 0; i < 3'000; ++i) nasty += "\xff\r\n\xE2\x80\xAE?a=b ";
  ErrorDetails details{.reason = Reason::kInternal,
                       .metadata = {{"storeErrorCode", nasty}},
                       .resource_type = "object",
                       .resource_name = "a\n?b=c"};
  for (int i = 0; i < 100; ++i) details.violations.push_back({"f", nasty});
  const absl::Status status =
      MakeError(absl::StatusCode::kInternal, nasty, details);
  EXPECT_LE(status.message().size(), 512U * 3);
  EXPECT_EQ(status.message().find_first_of("\n\r\xff"),
            absl::string_view::npos);
  const ErrorDetails read = DetailsOf(status);
  EXPECT_LE(read.metadata.at("storeErrorCode").size(), 128U * 3);
  EXPECT_LE(read.violations[0].description.size(), 160U * 3);
  EXPECT_EQ(read.resource_name, "a\n?b=c") << "the caller's own, and a name";
}

TEST(ErrorTest, OfManyViolationsTheFirstAreTold) {
  std::vector<FieldViolation> many(200, {"header.user_metadata", "is wrong"});
  const auto told = DetailsOf(InvalidRequest(many)).violations;
  ASSERT_EQ(told.size(), 16U);
  EXPECT_EQ(told[14].description, "is wrong");
  EXPECT_EQ(told[15].description, "and 185 more like it");
}

}  // namespace
}  // namespace lakefs::gateway::testing
