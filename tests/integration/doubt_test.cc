// What stays in doubt: a repetition of the call and who asks for its outcome
// are told the same.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

// UNSPECIFIED where nothing is known: a call that ended before the gateway saw
// it.
pb::Outcome OutcomeOf(pb::Staging::Stub& stub, const std::string& path,
                      const std::string& request_id) {
  grpc::ClientContext context;
  pb::GetUploadOutcomeRequest request;
  request.set_request_id(request_id);
  *request.mutable_object() = HeaderFor(path).object();
  pb::GetUploadOutcomeResponse response;
  const grpc::Status status =
      stub.GetUploadOutcome(&context, request, &response);
  EXPECT_TRUE(status.ok() || status.error_code() == grpc::NOT_FOUND)
      << status.error_message();
  return response.outcome();
}

// Faults at every twentieth request while the branch is committed in a loop,
// through lakeFS on a store like S3, whose addresses cannot be linked again.
TEST(DoubtTest, ARepetitionAndTheOutcomeAgreeThroughLakefsUnderFaults) {
  constexpr int kCallers = 8;
  constexpr int kObjects = 400;
  Stage stage({.presign = false});
  stage.emulator.AddRandomFaults(0.05, 1);
  std::atomic<bool> stop = false;
  std::thread committer([&] {
    while (!stop) (void)stage.emulator.Commit("quickstart", "main");
  });
  std::atomic<int> next = 0;
  std::atomic<int> unknown = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      auto stub = stage.gateway->NewStub();
      for (int n = next++; n < kObjects; n = next++) {
        const std::string path = absl::StrCat("doubt/", n);
        auto header = HeaderFor(path, /*if_absent=*/n % 2 == 0);
        header.set_request_id(path);
        // One in four has no time to find out.
        const auto time = std::chrono::milliseconds(n % 4 == 3 ? 30 : 30'000);
        const CallEnd first = UploadUnary(*stub, header, path, time);
        if (first.status.ok()) continue;
        ++unknown;
        const pb::Outcome told = OutcomeOf(*stub, path, path);
        const CallEnd again = UploadUnary(*stub, header, path);
        const pb::Outcome after = OutcomeOf(*stub, path, path);
        EXPECT_NE(after, pb::OUTCOME_UNSPECIFIED) << path;
        if (told == pb::OUTCOME_COMMITTED) {
          EXPECT_EQ(again.result.outcome(), told) << path;
        }
        if (again.status.ok()) {
          EXPECT_EQ(after, again.result.outcome()) << path;
        } else if (again.failure) {
          EXPECT_EQ(after, again.failure->outcome()) << path;
        }
        if (again.result.outcome() == pb::OUTCOME_COMMITTED) {
          EXPECT_EQ(stage.Read(path), path);
        }
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  stop = true;
  committer.join();
  EXPECT_GT(unknown, 0) << "nothing was ever in doubt";
  RecordProperty("unknown", unknown);
}

// What v1.21 does to a create that another's overtakes: it says 200, and writes
// nothing.
TEST(DoubtTest, ACreateThatMayHaveBeenSkippedIsUnknownForWhoeverAsks) {
  for (const bool presign : {true, false}) {
    SCOPED_TRACE(presign ? "presigned" : "through lakeFS");
    Stage stage({.dialect = Dialect::kV1_21, .presign = presign});
    stage.Break(presign ? "linkPhysicalAddress" : "uploadObject",
                Fault::Kind::kSkipCreate);
    auto header = HeaderFor("o", /*if_absent=*/true);
    header.set_request_id("once");
    const CallEnd end = UploadUnary(*stage.stub, header, "x");
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ALREADY_EXISTS);
    ASSERT_TRUE(end.failure);
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_UNKNOWN);
    EXPECT_THAT(end.failure->object().physical_address(),
                ::testing::EndsWith("-anothers"));
    EXPECT_EQ(OutcomeOf(*stage.stub, "o", "once"), pb::OUTCOME_UNKNOWN);
    const CallEnd again = UploadUnary(*stage.stub, header, "x");
    ASSERT_TRUE(again.failure);
    EXPECT_EQ(again.failure->outcome(), pb::OUTCOME_UNKNOWN);
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
