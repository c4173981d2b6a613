#include "gateway/server/rpc/status_details.h"

#include <gtest/gtest.h>

#include <optional>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "lakefs_staging/v1/staging.pb.h"
#include "tests/testing/golden.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

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

google::rpc::Status Read(const grpc::Status& status) {
  google::rpc::Status details;
  EXPECT_TRUE(details.ParseFromString(status.error_details()));
  return details;
}

// What a client's limit on trailers is held against.
size_t TrailerBytes(const grpc::Status& status) {
  size_t bytes = (status.error_details().size() + 2) / 3 * 4;
  for (const char c : status.error_message()) {
    bytes += c >= ' ' && c <= '~' && c != '%' ? 1 : 3;
  }
  return bytes;
}

template <typename T>
std::optional<T> Find(const grpc::Status& status) {
  const google::rpc::Status read = Read(status);
  for (const auto& any : read.details()) {
    T found;
    if (any.UnpackTo(&found)) return found;
  }
  return std::nullopt;
}

std::string Repeated(const char* text, int times) {
  std::string all;
  for (int i = 0; i < times; ++i) all += text;
  return all;
}

TEST(StatusDetailsTest, MetadataOfAnObjectInTheWayIsLeftOutWhereItIsTooMuch) {
  LinkReport report{.status = MakeError(absl::StatusCode::kAlreadyExists,
                                        "there", Reason::kObjectExists),
                    .object = ObjectStats{.path = std::string(1024, 'p'),
                                          .physical_address = "s3://b/y",
                                          .user_metadata = {{"k", "v"}}}};
  const auto small = Find<pb::UploadFailure>(ToGrpcStatus(report, 1));
  EXPECT_EQ(small->object().user_metadata().at("k"), "v");
  for (int i = 0; i < 64; ++i) {
    report.object->user_metadata[absl::StrCat("key", i)] =
        std::string(123, 'x');
  }
  const grpc::Status status = ToGrpcStatus(report, 1);
  EXPECT_LE(TrailerBytes(status), 7'168U);
  const auto failure = Find<pb::UploadFailure>(status);
  EXPECT_TRUE(failure->object().user_metadata().empty());
  EXPECT_EQ(failure->object().path(), std::string(1024, 'p'));
  EXPECT_EQ(failure->object().physical_address(), "s3://b/y");
}

TEST(StatusDetailsTest, WhateverIsToldFitsIntoTrailers) {
  const std::string wide = Repeated("\xE4\xB8\x96", 2'000);
  ErrorDetails details{.reason = Reason::kStoreRejected,
                       .resource_type = "object",
                       .resource_name = wide};
  for (int i = 0; i < 100; ++i) {
    details.violations.push_back({"header.user_metadata", wide});
  }
  for (const char* key : {"storeErrorCode", "upstreamRequestId", "operation"}) {
    details.metadata[key] = wide;
  }
  const LinkReport report{
      .status = MakeError(absl::StatusCode::kAborted, wide, details),
      .outcome = Outcome::kUnknown,
      .object = ObjectStats{.path = wide,
                            .physical_address = wide,
                            .checksum = wide,
                            .user_metadata = {{wide, wide}}},
      .try_here = StagingLocation{
          .physical_address = wide, .token = wide, .presigned_url = wide}};
  for (const grpc::Status& status :
       {ToGrpcStatus(report, 7), ToGrpcStatus(report.status)}) {
    EXPECT_LE(TrailerBytes(status), 7'168U);
    EXPECT_EQ(Find<google::rpc::ErrorInfo>(status)->reason(), "STORE_REJECTED");
    EXPECT_EQ(Read(status).message(), status.error_message());
    EXPECT_EQ(status.error_message().size() % 3, 0U) << "cut in a character";
  }
  EXPECT_EQ(Find<pb::UploadFailure>(ToGrpcStatus(report, 7))->attempts(), 7);
}

TEST(StatusDetailsTest, AStatusThatOthersMadeIsReadableToo) {
  const grpc::Status status = ToGrpcStatus(
      absl::InternalError("a\xFF\nhttp://h/?sig=S " + std::string(9'000, 'x')));
  EXPECT_EQ(status.error_message().substr(0, 23),
            "a\xEF\xBF\xBD http://h/?... xxxx");
  EXPECT_LE(TrailerBytes(status), 2'000U);
  EXPECT_EQ(Read(status).message(), status.error_message());
}

TEST(StatusDetailsTest, ALocationLosesItsUrlBeforeItIsLeftOut) {
  const LinkReport report{
      .status =
          MakeError(absl::StatusCode::kAborted, "moved", Reason::kLinkConflict),
      .try_here = StagingLocation{.physical_address = "s3://b/x",
                                  .presigned_url = std::string(9'000, 'u')}};
  const auto told = Find<pb::StagingLocation>(ToGrpcStatus(report, 1));
  ASSERT_TRUE(told.has_value());
  EXPECT_EQ(told->physical_address(), "s3://b/x");
  EXPECT_FALSE(told->has_presigned_url());
}

TEST(StatusDetailsTest, SuccessHasNone) {
  EXPECT_TRUE(ToGrpcStatus(absl::OkStatus()).ok());
  EXPECT_TRUE(ToGrpcStatus(LinkReport{}, 1).ok());
}

}  // namespace
}  // namespace lakefs::gateway::testing
