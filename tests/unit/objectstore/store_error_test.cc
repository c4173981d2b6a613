#include "gateway/objectstore/store_error.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "gateway/objectstore/object_store.h"
#include "tests/testing/golden.h"
#include "tests/unit/objectstore/store_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

HttpResponse Answer(int status, absl::string_view code,
                    absl::string_view message) {
  return {.status = status,
          .body = absl::StrCat("<Error><Code>", code, "</Code><Message>",
                               message, "</Message></Error>")};
}

std::string MessageOf(const absl::Status& status) {
  return std::string(status.message());
}

// What each cure has to look like from outside.
void ExpectCured(const absl::Status& status, StoreCure cure) {
  EXPECT_EQ(UrlRefused(status), cure == StoreCure::kFreshUrl) << status;
  EXPECT_EQ(Transient(status), cure == StoreCure::kAgain) << status;
  EXPECT_EQ(AddressRefused(status), cure == StoreCure::kNewAddress) << status;
  EXPECT_EQ(absl::IsInvalidArgument(status), cure == StoreCure::kCaller);
  EXPECT_EQ(absl::IsFailedPrecondition(status), cure == StoreCure::kOperator);
  EXPECT_EQ(absl::IsInternal(status), cure == StoreCure::kNobody);
  EXPECT_EQ(ReasonOf(status), cure == StoreCure::kAgain
                                  ? Reason::kUpstreamUnavailable
                                  : Reason::kStoreRejected);
}

TEST(StoreErrorTest, EachRowOfTheTableIsCuredAsItSays) {
  std::set<std::pair<absl::string_view, absl::string_view>> seen;
  for (const StoreErrorRow& row : StoreErrorTable()) {
    ASSERT_FALSE(row.code.empty());
    EXPECT_TRUE(seen.insert({row.code, row.says}).second) << row.code;
    EXPECT_FALSE(seen.contains({row.code, ""}) && !row.says.empty())
        << row.code << " is never reached, an earlier row takes all";
    const std::string said = absl::StrCat("so ", row.says);
    // A status says less than a code, so any will do.
    for (const int status : {400, 403, 409, 503}) {
      const HttpResponse answer = Answer(status, row.code, said);
      const absl::Status presigned = StoreError("storePut", answer);
      ExpectCured(presigned, row.cure);
      EXPECT_EQ(DetailsOf(presigned).metadata["storeErrorCode"], row.code);
      EXPECT_THAT(MessageOf(presigned),
                  AllOf(HasSubstr(std::string(row.code)), HasSubstr(said),
                        HasSubstr(std::string(row.hint))));
      const absl::Status own =
          StoreError("storePut", answer, StoreAccess::kOwnKeys);
      ExpectCured(own, row.cure == StoreCure::kFreshUrl ? StoreCure::kOperator
                                                        : row.cure);
      EXPECT_THAT(MessageOf(own), HasSubstr(std::string(row.hint_own_keys)));
    }
    // Whoever has to do something is told what.
    EXPECT_TRUE(row.cure != StoreCure::kOperator || !row.hint.empty())
        << row.code;
  }
}

absl::string_view NameOf(StoreCure cure) {
  switch (cure) {
    case StoreCure::kFreshUrl:
      return "a fresh URL";
    case StoreCure::kAgain:
      return "again";
    case StoreCure::kNewAddress:
      return "a new address";
    case StoreCure::kCaller:
      return "the caller";
    case StoreCure::kOperator:
      return "the operator";
    case StoreCure::kNobody:
      return "nobody";
  }
  return "";
}

// What a store says by its codes is documented there, and changes seldom.
TEST(StoreErrorTest, WhatHelpsAgainstEachCodeIsGolden) {
  std::string table;
  for (const StoreErrorRow& row : StoreErrorTable()) {
    absl::StrAppend(&table, row.code,
                    row.says.empty() ? "" : absl::StrCat(" \"", row.says, "\""),
                    ": ", NameOf(row.cure), "\n");
    if (!row.hint.empty()) absl::StrAppend(&table, "    ", row.hint, "\n");
    if (!row.hint_own_keys.empty()) {
      absl::StrAppend(&table, "    own keys: ", row.hint_own_keys, "\n");
    }
  }
  ExpectGolden("store_errors.txt", table);
}

TEST(StoreErrorTest, WithoutACodeTheStatusTells) {
  const std::pair<int, StoreCure> cures[] = {
      {301, StoreCure::kOperator}, {307, StoreCure::kOperator},
      {400, StoreCure::kNobody},   {401, StoreCure::kFreshUrl},
      {403, StoreCure::kFreshUrl}, {404, StoreCure::kNobody},
      {408, StoreCure::kAgain},    {412, StoreCure::kNobody},
      {413, StoreCure::kOperator}, {429, StoreCure::kAgain},
      {500, StoreCure::kAgain},    {501, StoreCure::kNobody},
      {503, StoreCure::kAgain},    {599, StoreCure::kAgain}};
  for (const auto& [status, cure] : cures) {
    SCOPED_TRACE(status);
    ExpectCured(StoreError("storePut", {.status = status}), cure);
    ExpectCured(StoreError("storePut", Answer(status, "NeverHeardOf", "")),
                cure);
  }
}

TEST(StoreErrorTest, ASessionOfOurOwnThatHasEndedIsSaidToBeThat) {
  const absl::Status status =
      StoreError("storePut",
                 Answer(400, "ExpiredToken", "The provided token has expired."),
                 StoreAccess::kOwnKeys);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(status),
              HasSubstr("the gateway's own session at the store has ended"));
}

TEST(StoreErrorTest, ABucketThatWantsAnMd5NamesTheSetting) {
  const absl::Status status = StoreError(
      "storePut",
      Answer(400, "InvalidRequest",
             "Content-MD5 OR x-amz-checksum- HTTP header is required for Put "
             "Object requests with Object Lock parameters"));
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(MessageOf(status), AllOf(HasSubstr("with Object Lock parameters"),
                                       HasSubstr("--content-md5")));
  ExpectCured(StoreError("storePut", Answer(400, "InvalidRequest", "other")),
              StoreCure::kNobody);
}

TEST(StoreErrorTest, WhatTheStoreSaysIsShortReadableAndNoSecret) {
  const std::string said = absl::StrCat(
      "no &quot;&lt;a&gt;&quot; at https://s/b?X-Amz-Signature=hush \xff ",
      std::string(1000, 'x'));
  const std::string message =
      MessageOf(StoreError("storePut", Answer(400, "Odd", said)));
  EXPECT_THAT(message, AllOf(HasSubstr("no \"<a>\" at https://s/b?"),
                             Not(HasSubstr("hush")), Not(HasSubstr("\xff"))));
  EXPECT_LT(message.size(), 350U);
  // Nor is anything told of the rest of the body.
  const HttpResponse denied{
      .status = 403,
      .body =
          "<Error><Code>SignatureDoesNotMatch</Code><Message>no</Message>"
          "<AWSAccessKeyId>hush</AWSAccessKeyId></Error>"};
  EXPECT_THAT(StoreError("storePut", denied).ToString(),
              Not(HasSubstr("hush")));
}

TEST(StoreErrorTest, AzureNamesItsCodeInAHeaderWhereThereIsNoBody) {
  const absl::Status status = StoreError(
      "storePut",
      {.status = 404, .headers = {{"x-ms-error-code", "ContainerNotFound"}}});
  ExpectCured(status, StoreCure::kOperator);
  EXPECT_EQ(DetailsOf(status).metadata["storeErrorCode"], "ContainerNotFound");
}

}  // namespace
}  // namespace lakefs::gateway::testing
