// What lakeFS's answers mean, by texts that real servers sent.
#include "gateway/lakefs/answers.h"

#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/golden.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

struct Recorded {
  const char* operation;
  int status;
  const char* body;
};

// Source: answers recorded from v0.66, v0.101, v1.21, v1.79 and v1.84.
const Recorded kRecorded[] = {
    {"linkPhysicalAddress", 400, R"j({"message":"link address expired"}
)j"},
    {"linkPhysicalAddress", 400,
     R"j({"message":"bad address token (expired or invalid)"})j"},
    {"linkPhysicalAddress", 400,
     R"j({"message":"invalid address signature: invalid address"})j"},
    {"linkPhysicalAddress", 400,
     R"j({"message":"address is not signed: link address invalid"})j"},
    {"linkPhysicalAddress", 400, R"j({"message":"checksum is required"})j"},
    {"getPhysicalAddress", 401,
     R"j({"message":"error authenticating request"})j"},
    {"login", 401, R"j("Unauthorized")j"},
    {"linkPhysicalAddress", 403,
     R"j({"message":"cannot write to protected branch"})j"},
    {"linkPhysicalAddress", 403, R"j({"message":"read-only repository"})j"},
    {"linkPhysicalAddress", 500,
     R"j({"message":"cannot write to protected branch"})j"},
    {"getRepository", 404, R"j({"message":"repository not found"})j"},
    {"getBranch", 404, R"j({"message":"branch not found"})j"},
    {"uploadObject", 404, R"j({"message":"branch 'nosuch' not found"})j"},
    {"statObject", 404, R"j({"message":"not found"})j"},
    {"getConfig", 404, R"j({"message":"invalid API endpoint"})j"},
    {"getConfig", 500, R"j({"message":"invalid API endpoint"})j"},
    {"linkPhysicalAddress", 409, R"j({"physical_address":"s3://b/x"})j"},
    {"getObject", 410, R"j({"message":"No data"})j"},
    {"linkPhysicalAddress", 412, R"j({"message":"Precondition failed"})j"},
    {"uploadObject", 412, R"j({"message":"path already exists"})j"},
    {"linkPhysicalAddress", 423,
     R"j({"message":"Too many attempts, try again later"})j"},
    {"linkPhysicalAddress", 429,
     R"j({"message":"Too many attempts, try again later"})j"},
    {"linkPhysicalAddress", 500, R"j({"message":"predicate failed"})j"},
    {"linkPhysicalAddress", 500,
     R"j({"message":"branch is currently locked, try again"})j"},
    {"getPhysicalAddress", 500,
     R"j({"message":"local adapter presigned URL: operation not supported"})j"},
    {"linkPhysicalAddress", 500, R"j({"message":"something else"})j"},
    {"linkPhysicalAddress", 501, R"j({"message":"Not Implemented"})j"},
    {"linkPhysicalAddress", 502, "<html>bad gateway</html>"},
    {"linkPhysicalAddress", 503, ""},
    {"linkPhysicalAddress", 504, ""},
    {"linkPhysicalAddress", 302, ""},
    {"getPhysicalAddress", 400,
     R"j({"message":"argument branch: branch id: invalid value: )j"
     R"j(validation error"})j"},
    {"getPhysicalAddress", 500,
     R"j({"message":"argument branch: branch id: invalid value: )j"
     R"j(validation error"})j"},
    {"uploadObject", 500, R"j({"message":"mime: no media type"})j"},
    {"getPhysicalAddress", 401, R"j({"message":"insufficient permissions"})j"},
    {"completePresignMultipartUpload", 500,
     R"j({"message":"operation error S3: CompleteMultipartUpload, https )j"
     R"j(response error StatusCode: 404, api error NoSuchUpload: gone"})j"},
    // What stands between.
    {"getBranch", 404, "<html><h1>404 Not Found</h1></html>"},
    {"getBranch", 404, R"j({"message":"no Route matched with those values"})j"},
    {"getBranch", 404, ""},
    {"uploadObject", 413, "<html>Request Entity Too Large</html>"},
    {"linkPhysicalAddress", 403, "<html>Forbidden</html>"},
    {"linkPhysicalAddress", 409, ""},
    {"linkPhysicalAddress", 412, "<html>"},
    {"getConfig", 407, ""},
    {"getConfig", 401, "Jwt is expired"},
    {"linkPhysicalAddress", 500, "<html>"},
};

TEST(AnswersTest, EachRecordedAnswerHasItsMeaning) {
  std::string table;
  for (const Recorded& answer : kRecorded) {
    const absl::Status status = AnswerToStatus(
        answer.operation, {.status = answer.status, .body = answer.body});
    const ErrorDetails details = DetailsOf(status);
    absl::StrAppend(&table, absl::StatusCodeToString(status.code()), " ",
                    ReasonName(details.reason), " ", details.resource_type,
                    "\n    ", status.message(), "\n");
  }
  ExpectGolden("lakefs_answers.txt", table);
}

TEST(AnswersTest, TheDetailsTellTheUpstreamsIdAndWhenToComeBack) {
  const absl::Status status = AnswerToStatus(
      "linkPhysicalAddress",
      {.status = 503,
       .headers = {{"x-request-id", "id-1"}, {"retry-after", "7"}}});
  const ErrorDetails details = DetailsOf(status);
  EXPECT_EQ(details.retry_after, std::chrono::seconds(7));
  EXPECT_EQ(details.metadata.at("upstreamRequestId"), "id-1");
  EXPECT_EQ(details.metadata.at("upstreamHttpStatus"), "503");
  EXPECT_EQ(details.metadata.at("operation"), "linkPhysicalAddress");
}

TEST(AnswersTest, ARedirectNamesTheOtherAddressAndNothingSecretOfIt) {
  const absl::Status status = AnswerToStatus(
      "getConfig", {.status = 308,
                    .headers = {{"location",
                                 "https://u:S3CR3T@lakefs.example.com/api/v1/"
                                 "config?token=S3CR3T#S3CR3T"},
                                {"server", "nginx/1.25"}},
                    .body = R"j({"message":"Permanent Redirect"})j"});
  EXPECT_EQ(status.message(),
            "something before lakeFS, not lakeFS itself, (nginx/1.25) answered "
            "getConfig with 308, a redirect to "
            "https://...@lakefs.example.com/api/v1/config; if lakeFS is there, "
            "name that in --lakefs-endpoint");
  EXPECT_EQ(ReasonOf(status), Reason::kUpstreamIntercepted);
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
}

TEST(AnswersTest, NobodyElsesWordIsTakenForLakefss) {
  for (const char* body : {"", "<html>", "not found", R"j("not found")j",
                           R"j({"error":"not found"})j", "null", "[1]"}) {
    const HttpResponse missing{.status = 404, .body = body};
    EXPECT_FALSE(SaysAbsent(missing)) << body;
    EXPECT_FALSE(SaysNoData({.status = 410, .body = body})) << body;
    for (int status = 300; status < 600; ++status) {
      const auto error =
          AnswerToStatus("statObject", {.status = status, .body = body});
      EXPECT_FALSE(absl::StartsWith(error.message(), "lakeFS answered"));
      EXPECT_FALSE(absl::IsNotFound(error) || absl::IsAlreadyExists(error) ||
                   absl::IsPermissionDenied(error))
          << error;
    }
  }
  EXPECT_TRUE(
      SaysAbsent({.status = 404, .body = R"({"message":"not found"})"}));
  EXPECT_TRUE(SaysNoData({.status = 410, .body = R"({"message":"No data"})"}));
}

TEST(AnswersTest, ForWantOfRightsNobodyLogsInAgain) {
  constexpr char kRights[] = R"({"message":"insufficient permissions"})";
  constexpr char kKeys[] = R"({"message":"error authenticating request"})";
  EXPECT_FALSE(RefusesCredentials("x", {.status = 401, .body = kRights}));
  EXPECT_TRUE(RefusesCredentials("x", {.status = 401, .body = kKeys}));
  EXPECT_TRUE(RefusesCredentials("x", {.status = 401, .body = "<html>"}));
  EXPECT_FALSE(RefusesCredentials("x", {.status = 403, .body = kKeys}));
}

TEST(AnswersTest, RetryAfterMayBeADate) {
  const absl::Status status = AnswerToStatus(
      "x", {.status = 429,
            .headers = {{"date", "Tue, 24 Nov 2026 12:00:00 GMT"},
                        {"retry-after", "Tue, 24 Nov 2026 12:00:40 GMT"}}});
  EXPECT_EQ(DetailsOf(status).retry_after, std::chrono::seconds(40));
}

TEST(AnswersTest, ALongMessageIsCutShort) {
  const absl::Status status = AnswerToStatus(
      "x", {.status = 400,
            .body = "{\"message\":\"" + std::string(5'000, 'y') + "\"}"});
  EXPECT_LT(status.message().size(), 320U);
  EXPECT_GT(status.message().size(), 200U);
}

TEST(AnswersTest, NoBodyThatMayHoldASecretIsQuoted) {
  for (const char* body :
       {R"j({"physical_address":"a","presigned_url":"http://h/?sig=S3CR3T"})j",
        "http://h/?sig=S3CR3T", R"j(["S3CR3T"])j",
        R"j({"message":"request body has an error: doesn't match\nSchema:\n)j"
        R"j(Value:\n  S3CR3T"})j"}) {
    for (const int status : {400, 409, 500}) {
      const auto error = AnswerToStatus("x", {.status = status, .body = body});
      EXPECT_EQ(error.message().find("S3CR3T"), absl::string_view::npos)
          << error;
    }
  }
}

TEST(AnswersTest, AnAnswerThatCannotBeReadCountsAsLost) {
  EXPECT_THAT(UnreadableAnswer("linkPhysicalAddress", {.status = 200}),
              HasReason(Reason::kUpstreamConnectionLost));
}

}  // namespace
}  // namespace lakefs::gateway::testing
