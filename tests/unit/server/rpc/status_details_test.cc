#include "gateway/server/rpc/status_details.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lakefs/staging/v1/staging.pb.h"
#include "tests/testing/golden.h"

namespace lakefs::gateway::testing {
namespace {

// The status and its details as text. Any needs the types linked in, which the
// includes see to.
std::string Text(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.code(), status.error_code());
  EXPECT_EQ(details.message(), status.error_message());
  return absl::StrCat(details.DebugString(), "---\n");
}

TEST(StatusDetailsTest, EachKindOfErrorHasItsDetails) {
  std::string text;
  text += Text(ToGrpcStatus(InvalidRequest({{"a.b", "is wrong"}})));
  text += Text(ToGrpcStatus(
      MakeError(absl::StatusCode::kUnavailable, "busy",
                {.reason = Reason::kUpstreamUnavailable,
                 .metadata = {{"operation", "statObject"}},
                 .retry_after = std::chrono::milliseconds(2'500)})));
  text += Text(ToGrpcStatus(NameResource(
      MakeError(absl::StatusCode::kNotFound, "gone",
                {.reason = Reason::kNotFound, .resource_type = "branch"}),
      {"repo", "dev", "p"})));
  text += Text(ToGrpcStatus(
      {.status = MakeError(absl::StatusCode::kAborted, "moved",
                           Reason::kLinkConflict),
       .outcome = Outcome::kNotCommitted,
       .try_here =
           StagingLocation{.physical_address = "s3://b/x", .token = "t"},
       .rounds = 8},
      17));
  text += Text(ToGrpcStatus(
      {.status = MakeError(absl::StatusCode::kAlreadyExists, "there",
                           Reason::kObjectExists),
       .outcome = Outcome::kNotCommitted,
       .object = ObjectStats{.path = "p", .physical_address = "s3://b/y"}},
      3));
  text += Text(ToGrpcStatus({.status = MakeError(absl::StatusCode::kUnknown,
                                                 "?", Reason::kOutcomeUnknown),
                             .outcome = Outcome::kUnknown},
                            9));
  ExpectGolden("error_details.txt", text);
}

TEST(StatusDetailsTest, SuccessHasNone) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(ToGrpcStatus(LinkReport{}, 1).ok());
}

}  // namespace
}  // namespace lakefs::gateway::testing
