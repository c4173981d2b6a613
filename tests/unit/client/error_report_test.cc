// What a failed call looks like from outside: exit code, line, JSON.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "client/cli/error_line.h"
#include "client/cli/exit_code.h"
#include "client/cli/json_output.h"

namespace lakefs::staging {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Code = absl::StatusCode;
using Upload = v1::UploadFailure;

Failure Make(Code code, const std::string& reason,
             v1::Outcome outcome = v1::OUTCOME_NOT_COMMITTED,
             Upload::Advice advice = Upload::ADVICE_UNSPECIFIED) {
  Failure failure;
  failure.code = code;
  failure.reason = reason;
  failure.message = "it failed";
  failure.outcome = outcome;
  failure.advice = advice;
  return failure;
}

TEST(ExitCodeTest, SaysWhatAScriptWouldDoNext) {
  const std::pair<Failure, ExitCode> cases[] = {
      {Make(Code::kInternal, "UPSTREAM_INTERNAL"), ExitCode::kInternal},
      {Make(Code::kInvalidArgument, "INVALID_REQUEST"), ExitCode::kBadRequest},
      {Make(Code::kFailedPrecondition, "REPOSITORY_IN_DELETION"),
       ExitCode::kBadRequest},
      {Make(Code::kUnimplemented, "NOT_A_GATEWAY"), ExitCode::kBadRequest},
      {Make(Code::kNotFound, "NOT_FOUND"), ExitCode::kNotFound},
      {Make(Code::kAlreadyExists, "OBJECT_EXISTS"), ExitCode::kAlreadyExists},
      {Make(Code::kUnauthenticated, "CREDENTIALS_REJECTED"),
       ExitCode::kNotPermitted},
      {Make(Code::kPermissionDenied, "PERMISSION_DENIED"),
       ExitCode::kNotPermitted},
      {Make(Code::kAborted, "LINK_CONFLICT"), ExitCode::kStartOver},
      {Make(Code::kFailedPrecondition, "LINK_ADDRESS_EXPIRED",
            v1::OUTCOME_NOT_COMMITTED, Upload::ADVICE_RESTART),
       ExitCode::kStartOver},
      {Make(Code::kUnavailable, "BRANCH_LOCKED"), ExitCode::kTryAgain},
      {Make(Code::kResourceExhausted, "UPSTREAM_THROTTLED"),
       ExitCode::kTryAgain},
      {Make(Code::kDeadlineExceeded, "DEADLINE_EXCEEDED"), ExitCode::kTryAgain},
      {Make(Code::kDataLoss, "CHECKSUM_MISMATCH"), ExitCode::kDataIntegrity},
      {Make(Code::kInvalidArgument, "SIZE_MISMATCH"), ExitCode::kDataIntegrity},
      {Make(Code::kAborted, "SOURCE_CHANGED", v1::OUTCOME_NOT_COMMITTED,
            Upload::ADVICE_RESTART),
       ExitCode::kDataIntegrity},
      {Make(Code::kUnknown, "OUTCOME_UNKNOWN", v1::OUTCOME_UNKNOWN),
       ExitCode::kOutcomeUnknown},
      {Make(Code::kUnavailable, "GATEWAY_CONNECTION_LOST", v1::OUTCOME_UNKNOWN),
       ExitCode::kOutcomeUnknown},
  };
  for (const auto& [failure, exit_code] : cases) {
    EXPECT_EQ(ExitCodeOf(failure), exit_code) << failure.reason;
  }
}

TEST(ExitCodeTest, EveryCodeStandsInTheHelp) {
  for (const ExitCode code :
       {ExitCode::kOk, ExitCode::kInternal, ExitCode::kBadRequest,
        ExitCode::kNotFound, ExitCode::kAlreadyExists, ExitCode::kNotPermitted,
        ExitCode::kStartOver, ExitCode::kTryAgain, ExitCode::kDataIntegrity,
        ExitCode::kOutcomeUnknown, ExitCode::kInterrupted}) {
    const std::string number = std::to_string(static_cast<int>(code));
    EXPECT_THAT(std::string(kExitCodeHelp), HasSubstr(" " + number + "  "));
  }
}

TEST(ErrorLineTest, NamesTheThingTheReasonTheOutcomeAndWhatToDo) {
  Failure failure = Make(Code::kUnavailable, "BRANCH_LOCKED",
                         v1::OUTCOME_NOT_COMMITTED, Upload::ADVICE_RETRY_CALL);
  failure.retry_after = absl::Seconds(2);
  EXPECT_EQ(ErrorLine("upload to lakefs://r/b/p", failure),
            "lakefs-staging: upload to lakefs://r/b/p: it failed "
            "[BRANCH_LOCKED]; nothing was linked; try again in 2s");
}

TEST(ErrorLineTest, UnknownOutcomeAsksToLookFirst) {
  const Failure failure = Make(Code::kUnavailable, "GATEWAY_CONNECTION_LOST",
                               v1::OUTCOME_UNKNOWN, Upload::ADVICE_RETRY_CALL);
  EXPECT_THAT(ErrorLine("x", failure),
              HasSubstr("it is not known whether the object was linked; look "
                        "at the path before trying again"));
}

TEST(ErrorLineTest, WithARequestIdAnUnknownOutcomeAsksForTheSameAgain) {
  Failure failure = Make(Code::kUnknown, "OUTCOME_UNKNOWN", v1::OUTCOME_UNKNOWN,
                         Upload::ADVICE_RETRY_CALL);
  failure.request_id = "job-7";
  EXPECT_THAT(ErrorLine("x", failure),
              HasSubstr("linked; repeat the command with --request-id job-7, "
                        "which keeps it from writing a second object"));
}

TEST(ErrorLineTest, WhatCannotBeReachedDecidesWhatToCheck) {
  Failure failure = Make(Code::kUnavailable, "UPSTREAM_UNREACHABLE");
  failure.metadata["operation"] = "getPhysicalAddress";
  EXPECT_THAT(ErrorLine("", failure), HasSubstr("check the lakeFS address"));
  failure.metadata["operation"] = "storePut";
  EXPECT_THAT(ErrorLine("", failure), HasSubstr("reach the store"));
}

TEST(ErrorLineTest, WhatWasNotFoundDecidesWhatToCheck) {
  Failure failure = Make(Code::kNotFound, "NOT_FOUND");
  EXPECT_THAT(ErrorLine("", failure), HasSubstr("check the ID"));
  failure.resource_type = "branch";
  EXPECT_THAT(ErrorLine("", failure),
              HasSubstr("check the names of the repository and the branch"));
}

TEST(ErrorLineTest, ASocketThatMayNotBeUsedNeedsAGroupAndNoOtherGateway) {
  Failure failure = Make(Code::kUnavailable, "GATEWAY_UNREACHABLE");
  EXPECT_THAT(ErrorLine("", failure),
              HasSubstr("start lakefs-staging-gateway"));
  failure.message =
      "no gateway answers at unix:/s (unix:/s: Permission denied)";
  EXPECT_THAT(ErrorLine("", failure),
              HasSubstr("join the group of the socket"));
}

TEST(ErrorLineTest, WhatTheGatewayItselfRefusesIsForItsSettings) {
  Failure failure = Make(Code::kUnavailable, "GATEWAY_UNREACHABLE");
  failure.message =
      "no gateway answers at h:1 (Ssl handshake failed: SSL_ERROR_SSL: "
      "error:0A00010B:SSL routines::wrong version number)";
  EXPECT_THAT(ErrorLine("", failure), HasSubstr("--ca-file"));
  failure = Make(Code::kPermissionDenied, "PERMISSION_DENIED");
  EXPECT_THAT(ErrorLine("", failure), HasSubstr("write to another branch"));
  failure.message =
      "the gateway's --allow-file does not name this caller; the caller is "
      "uid 0, gid 0";
  EXPECT_THAT(ErrorLine("", failure),
              HasSubstr("have that file name the caller"));
}

TEST(ErrorLineTest, ListsViolationsThatTheMessageDoesNotHave) {
  Failure failure = Make(Code::kInvalidArgument, "INVALID_REQUEST");
  failure.message = "path is required";
  failure.violations = {{"header.object.path", "is required"},
                        {"header.object.branch", "is missing"}};
  EXPECT_EQ(ErrorLine("", failure),
            "lakefs-staging: path is required; header.object.branch is "
            "missing; nothing was linked");
}

TEST(ErrorLineTest, IsOneLineWhateverTheTextsHold) {
  Failure failure = Make(Code::kInternal, "X");
  failure.message = "two\nlines\x1b[2J";
  EXPECT_THAT(ErrorLine("a\rb", failure), Not(HasSubstr("\n")));
  EXPECT_THAT(ErrorLine("a\rb", failure), Not(HasSubstr("\x1b")));
}

TEST(JsonOutputTest, ErrorHasItsDetailsAndTheExitCode) {
  Failure failure = Make(Code::kAlreadyExists, "OBJECT_EXISTS",
                         v1::OUTCOME_NOT_COMMITTED, Upload::ADVICE_GIVE_UP);
  failure.retry_after = absl::Milliseconds(1500);
  failure.violations = {{"f", "d"}};
  failure.metadata = {{"rounds", "2"}};
  failure.object.emplace().set_path("p");
  const auto error =
      nlohmann::json::parse(ToJson(failure, ExitCode::kAlreadyExists))["error"];
  EXPECT_EQ(error["code"], "ALREADY_EXISTS");
  EXPECT_EQ(error["reason"], "OBJECT_EXISTS");
  EXPECT_EQ(error["message"], "it failed");
  EXPECT_EQ(error["outcome"], "NOT_COMMITTED");
  EXPECT_EQ(error["advice"], "GIVE_UP");
  EXPECT_EQ(error["retry_after_seconds"], 1.5);
  EXPECT_EQ(error["violations"][0]["field"], "f");
  EXPECT_EQ(error["metadata"]["rounds"], "2");
  EXPECT_EQ(error["object"]["path"], "p");
  EXPECT_EQ(error["exit_code"], 4);
}

TEST(JsonOutputTest, ResultHasTheNamesOfTheProto) {
  v1::UploadResult result;
  result.set_outcome(v1::OUTCOME_COMMITTED);
  result.set_crc32c(0xabc);
  result.set_plan(v1::PLAN_SINGLE_PUT);
  result.set_rounds(1);
  result.set_attempts(3);
  result.mutable_elapsed()->set_nanos(500000000);
  v1::ObjectStats& object = *result.mutable_object();
  object.set_path("p");
  object.set_physical_address("s3://x");
  object.set_checksum("abc");
  object.set_size_bytes(5);
  object.mutable_mtime()->set_seconds(1714564800);
  object.set_content_type("text/csv");
  (*object.mutable_user_metadata())["b"] = "2";
  (*object.mutable_user_metadata())["a"] = "1";
  EXPECT_EQ(ToJson(result),
            R"({"outcome":"COMMITTED","object":{"path":"p",)"
            R"("physical_address":"s3://x","checksum":"abc","size_bytes":5,)"
            R"("mtime":"2024-05-01T12:00:00Z","content_type":"text/csv",)"
            R"("user_metadata":{"a":"1","b":"2"}},"crc32c":"00000abc",)"
            R"("plan":"SINGLE_PUT","rounds":1,"attempts":3,"bytes_resent":0,)"
            R"("elapsed_seconds":0.5})");
}

}  // namespace
}  // namespace lakefs::staging
