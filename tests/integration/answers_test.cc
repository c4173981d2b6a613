// What callers are told of answers that are not what they seem, or not
// lakeFS's, and that they can read it.
#include <gmock/gmock.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/http_get.h"
#include "tests/testing/places.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kElsewhere[] = "https://lakefs.example.com/api/v1/elsewhere";

Fault Answers(const char* operation, int status, std::string body,
              int times = -1) {
  Fault fault;
  fault.operation = operation;
  fault.status = status;
  fault.body = std::move(body);
  fault.times = times;
  return fault;
}
Fault Redirects(const char* operation, int status) {
  Fault fault = Answers(operation, status, "<html>Moved</html>");
  fault.headers["Location"] =
      absl::StrCat("https://user:S3CR3T@", kElsewhere + 8, "?token=S3CR3T");
  return fault;
}

void ExpectNothingLinked(const CallEnd& end) {
  ASSERT_TRUE(end.failure.has_value()) << end.status.error_message();
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_THAT(end.status.error_message(), Not(HasSubstr("S3CR3T")));
}

TEST(AnswersTest, ARedirectIsTriedOnceAndItsAddressNamed) {
  Stage stage({});
  for (const int status : {301, 302, 307, 308}) {
    for (const char* operation :
         {"getPhysicalAddress", "linkPhysicalAddress"}) {
      SCOPED_TRACE(absl::StrCat(operation, " ", status));
      stage.emulator.ClearJournal();
      stage.emulator.AddFault(Redirects(operation, status));
      const CallEnd end = stage.Put("a", Bytes(100), /*known=*/true);
      stage.emulator.ClearFaults();
      EXPECT_EQ(end.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
      EXPECT_EQ(end.reason, "UPSTREAM_INTERCEPTED");
      EXPECT_THAT(end.status.error_message(), HasSubstr(kElsewhere + 8));
      ExpectNothingLinked(end);
      EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_GIVE_UP);
      EXPECT_EQ(stage.Count(operation), 1);
    }
  }
}

TEST(AnswersTest, ARedirectOfBytesThroughLakefsIsOneToo) {
  Stage stage({.store = StoreKind::kLocal});
  stage.emulator.AddFault(Redirects("uploadObject", 308));
  const CallEnd end = stage.Put("a", Bytes(3 << 20));
  stage.emulator.ClearFaults();
  EXPECT_EQ(end.reason, "UPSTREAM_INTERCEPTED") << end.status.error_message();
  EXPECT_THAT(end.status.error_message(), HasSubstr(kElsewhere + 8));
  ExpectNothingLinked(end);
  EXPECT_EQ(stage.Count("uploadObject"), 1);
}

TEST(AnswersTest, ReadinessNamesWhereARedirectLeads) {
  Stage stage({}, {}, {}, {Redirects("getConfig", 308)});
  const auto [status, body] =
      Fetch(absl::StrCat("http://", stage.gateway->admin(), "/readyz"));
  EXPECT_EQ(status, 503);
  EXPECT_THAT(body, HasSubstr("\"not_lakefs\""));
  EXPECT_THAT(body, HasSubstr(kElsewhere + 8));
  EXPECT_THAT(body, Not(HasSubstr("S3CR3T")));
  EXPECT_EQ(stage.Put("a", "x").reason, "UPSTREAM_INTERCEPTED");
  stage.emulator.ClearFaults();
}

constexpr char kRights[] = R"({"message":"insufficient permissions"})";

TEST(AnswersTest, AMissingRightIsNoReasonToLogInAgain) {
  Stage stage({}, {"--auth=login"});
  ASSERT_TRUE(stage.Put("first", "x").status.ok());
  const int logins = stage.Count("login");
  for (const char* operation : {"getPhysicalAddress", "linkPhysicalAddress"}) {
    stage.emulator.AddFault(Answers(operation, 401, kRights));
    const CallEnd end = stage.Put("a", "x");
    stage.emulator.ClearFaults();
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
    EXPECT_EQ(end.reason, "PERMISSION_DENIED");
    ExpectNothingLinked(end);
  }
  EXPECT_EQ(stage.Count("login"), logins);
}

TEST(AnswersTest, AMissingRightToSendThroughLakefsIsOneToo) {
  Stage stage({.store = StoreKind::kLocal}, {"--auth=login"});
  stage.emulator.AddFault(Answers("uploadObject", 401, kRights));
  const CallEnd end = stage.Put("a", "x");
  stage.emulator.ClearFaults();
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  ExpectNothingLinked(end);
  EXPECT_EQ(stage.Count("login"), 1);
}

// fs:WriteObject is all that an upload takes; to look is a help.
TEST(AnswersTest, WhoMayWriteAndNotReadUploads) {
  Stage stage({});
  ASSERT_TRUE(stage.Put("taken", "first").status.ok());
  for (const char* operation : {"statObject", "getBranch", "getRepository"}) {
    stage.emulator.AddFault(Answers(operation, 401, kRights));
  }
  for (const size_t size : {size_t{100}, size_t{9} << 20}) {
    for (const bool if_absent : {false, true}) {
      SCOPED_TRACE(absl::StrCat(size, if_absent ? " if_absent" : ""));
      pb::UploadHeader header =
          HeaderFor(absl::StrCat("new/", size, if_absent), if_absent);
      header.set_request_id(header.object().path());
      const std::string data = Bytes(size);
      const CallEnd end = Upload(*stage.stub, header, data);
      EXPECT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
      EXPECT_TRUE(stage.Read(header.object().path()) == data);
    }
  }
  // Whether what stands in the way is its own, it may not ask.
  const CallEnd end = stage.Put("taken", "second", true, /*if_absent=*/true);
  stage.emulator.ClearFaults();
  EXPECT_EQ(end.reason, "OUTCOME_UNKNOWN");
  EXPECT_THAT(end.status.error_message(),
              HasSubstr("insufficient permissions"));
  EXPECT_EQ(stage.Read("taken"), "first");
}

TEST(AnswersTest, NoWordOfAnothersIsTakenForLakefss) {
  Stage stage({});
  const std::string html = "<html><h1>Not Found</h1></html>";
  for (const char* operation : {"getPhysicalAddress", "linkPhysicalAddress"}) {
    for (const int status : {403, 404, 405, 410, 413}) {
      // As one that never left, the link is tried until the deadline.
      if (status == 404 && operation[0] == 'l') continue;
      for (const std::string& body : {html, std::string(" ")}) {
        SCOPED_TRACE(absl::StrCat(operation, " ", status, " ", body));
        stage.emulator.AddFault(Answers(operation, status, body));
        const CallEnd end = stage.Put("a", "x");
        stage.emulator.ClearFaults();
        EXPECT_EQ(end.reason, status == 404 ? "UPSTREAM_UNREACHABLE"
                                            : "UPSTREAM_INTERCEPTED");
        EXPECT_THAT(end.status.error_message(), HasSubstr("not lakeFS itself"));
        ExpectNothingLinked(end);
      }
    }
  }
}

// Of lakeFS's own answers these are the ones that may follow upon a success;
// what has become of their words on the way is no proof of anything.
TEST(AnswersTest, AConflictInOtherWordsMayBeLakefssAndIsAskedAbout) {
  Stage stage({});
  for (const int status : {409, 412}) {
    for (const char* body : {"<html><h1>Conflict</h1></html>", " "}) {
      for (const auto kind :
           {Fault::Kind::kStatus, Fault::Kind::kStatusAfter}) {
        for (const char* operation :
             {"getPhysicalAddress", "linkPhysicalAddress"}) {
          const bool took_effect = kind == Fault::Kind::kStatusAfter;
          SCOPED_TRACE(
              absl::StrCat(operation, " ", status, " ", body, took_effect));
          Fault fault = Answers(operation, status, body, /*times=*/1);
          fault.kind = kind;
          stage.emulator.AddFault(fault);
          const CallEnd end = Upload(
              *stage.stub,
              HeaderFor(absl::StrCat(status, body, took_effect, operation),
                        /*if_absent=*/true),
              "x");
          EXPECT_TRUE(end.status.ok()) << end.status.error_message();
        }
      }
    }
  }
}

TEST(AnswersTest, ARouterThatKnowsNoWayForAMomentIsOutlasted) {
  Stage stage({});
  const std::string html = "<html><h1>404 Not Found</h1></html>";
  for (const char* operation :
       {"getPhysicalAddress", "linkPhysicalAddress", "statObject"}) {
    stage.emulator.AddFault(Answers(operation, 404, html, /*times=*/2));
    pb::UploadHeader header = HeaderFor(operation);
    header.set_request_id(operation);  // an earlier call is looked for by stat
    EXPECT_TRUE(Upload(*stage.stub, header, "x").status.ok()) << operation;
  }
}

// Most clients take 8 KiB of trailers, this one too.
TEST(AnswersTest, AnObjectInTheWayIsToldHoweverMuchMetadataItHas) {
  Stage stage({});
  pb::UploadHeader header = HeaderFor("a", /*if_absent=*/true);
  for (int i = 0; i < 64; ++i) {
    (*header.mutable_user_metadata())[absl::StrCat("k", 1000 + i)] =
        std::string(123, 'v');
  }
  ASSERT_TRUE(Upload(*stage.stub, header, "x").status.ok());
  const CallEnd end = Upload(*stage.stub, header, "y");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ALREADY_EXISTS)
      << end.status.error_message();
  EXPECT_EQ(end.reason, "OBJECT_EXISTS");
  ExpectNothingLinked(end);
  EXPECT_EQ(end.failure->object().path(), "a");
  const std::string command =
      absl::StrCat("echo z | ", BinaryDir(),
                   "/bin/lakefs-staging upload - "
                   "lakefs://quickstart/main/a --if-absent --gateway=",
                   stage.gateway->address(), " 2>/dev/null");
  EXPECT_EQ(WEXITSTATUS(std::system(command.c_str())), 4);
}

TEST(AnswersTest, ARequestThatIsWrongInManyWaysIsToldSo) {
  Stage stage({});
  pb::UploadHeader header = HeaderFor("a");
  header.mutable_object()->set_branch("main~1");
  for (int i = 0; i < 3'000; ++i) {
    // Keys of bytes that are cut in the middle of a character, if at all.
    std::string key = absl::StrCat("\n", i);
    for (int n = 0; n < 40; ++n) key += "\xE4\xB8\x96";
    (*header.mutable_user_metadata())[key] = "v";
  }
  const CallEnd end = Upload(*stage.stub, header, "x");
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT)
      << end.status.error_message();
  ASSERT_TRUE(end.bad_request.has_value());
  EXPECT_EQ(end.bad_request->field_violations(0).field(),
            "header.object.branch");
  EXPECT_EQ(stage.Count("getPhysicalAddress"), 0);
}

// Some releases take half a minute over such a name, and then say 500.
TEST(AnswersTest, ABranchThatNoneMayBeIsToldBeforeLakefsIsAsked) {
  for (const Dialect dialect : {Dialect::kV0_66, Dialect::kV0_101}) {
    for (const char* flag : {"--s3-endpoint=STORE", "--presign=off"}) {
      Stage stage(
          {.dialect = dialect}, {flag},
          {{"AWS_ACCESS_KEY_ID", "key"}, {"AWS_SECRET_ACCESS_KEY", "secret"}});
      pb::UploadHeader header = HeaderFor("a");
      header.mutable_object()->set_branch("main~1");
      const CallEnd end = Upload(*stage.stub, header, "x");
      EXPECT_EQ(end.status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
      EXPECT_EQ(end.reason, "INVALID_REQUEST");
      for (const JournalEntry& entry : stage.emulator.Journal()) {
        EXPECT_THAT(entry.target, Not(HasSubstr("main~1")));
      }
    }
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
