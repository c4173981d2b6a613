// UploadMany: many objects on one stream, each of which stands alone.
#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>

#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/await.h"
#include "tests/testing/many_call.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string PathOf(uint64_t id) { return absl::StrCat("o/", id); }

// All answers up to the end of the stream, by id.
std::map<uint64_t, CallEnd> ReadAll(ManyCall& call) {
  std::map<uint64_t, CallEnd> ends;
  while (auto answer = call.Read()) {
    EXPECT_TRUE(ends.emplace(answer->id(), EndOf(*answer)).second)
        << "answered twice: " << answer->id();
  }
  return ends;
}

// The status as it came, but for the names of the call and of lakeFS's reply.
std::string WithoutIds(const std::string& details) {
  google::rpc::Status status;
  EXPECT_TRUE(status.ParseFromString(details));
  for (auto& detail : *status.mutable_details()) {
    google::rpc::ErrorInfo info;
    if (!detail.UnpackTo(&info)) continue;
    EXPECT_EQ(info.mutable_metadata()->erase("callId"), 1U);
    info.mutable_metadata()->erase("upstreamRequestId");
    detail.PackFrom(info);
  }
  return status.DebugString();
}

TEST(ManyTest, EachObjectIsLinkedAndAnsweredByItsId) {
  constexpr uint64_t kObjects = 300;
  Stage stage({});
  ManyCall call(*stage.stub);
  std::map<uint64_t, CallEnd> ends;
  std::jthread reader([&] { ends = ReadAll(call); });
  for (uint64_t id = 0; id < kObjects; ++id) {
    ASSERT_TRUE(call.Send(id, HeaderFor(PathOf(id)), absl::StrCat("v", id)));
  }
  call.HalfClose();
  reader.join();
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_EQ(ends.size(), kObjects);
  for (const auto& [id, end] : ends) {
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.object().path(), PathOf(id));
    EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
    EXPECT_EQ(stage.Read(PathOf(id)), absl::StrCat("v", id));
  }
}

TEST(ManyTest, ObjectsMayBeEmptyOrAsLargeAsAMessage) {
  Stage stage({});
  ManyCall call(*stage.stub);
  const std::string large = Bytes(4 << 20);
  ASSERT_TRUE(call.Send(0, HeaderFor("empty"), ""));
  ASSERT_TRUE(call.Send(1, HeaderFor("large"), large));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_THAT(ends, SizeIs(2));
  EXPECT_EQ(stage.Read("empty"), "");
  EXPECT_EQ(stage.Read("large"), large);
}

TEST(ManyTest, AFailureIsWhatACallOfItsOwnWouldHaveEndedWith) {
  Stage stage({});
  ASSERT_TRUE(stage.Put("taken", "first").status.ok());
  std::vector<std::pair<pb::UploadHeader, std::string>> failing;
  pb::UploadHeader header = HeaderFor("o");
  header.mutable_object()->set_repository("nosuch");
  failing.emplace_back(header, "x");
  header = HeaderFor("o");
  header.mutable_object()->set_branch("nosuch");
  failing.emplace_back(header, "x");
  failing.emplace_back(HeaderFor(""), "x");
  failing.emplace_back(HeaderFor("taken", /*if_absent=*/true), "second");
  header = HeaderFor("o");
  header.set_size_bytes(2);
  failing.emplace_back(header, "x");
  failing.emplace_back(HeaderFor("o"), Bytes((4 << 20) + 1));
  failing.emplace_back(HeaderFor("o"), Bytes(15 << 20));

  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(99, HeaderFor("good"), "good"));
  for (size_t i = 0; i < failing.size(); ++i) {
    ASSERT_TRUE(call.Send(i, failing[i].first, failing[i].second));
  }
  ASSERT_TRUE(call.Send(100, HeaderFor("better"), "better"));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_EQ(ends.size(), failing.size() + 2);
  for (size_t i = 0; i < failing.size(); ++i) {
    SCOPED_TRACE(i);
    const CallEnd alone =
        UploadUnary(*stage.stub, failing[i].first, failing[i].second);
    ASSERT_FALSE(alone.status.ok());
    EXPECT_EQ(WithoutIds(ends.at(i).status.error_details()),
              WithoutIds(alone.status.error_details()));
    EXPECT_TRUE(ends.at(i).failure);
  }
  EXPECT_TRUE(ends.at(99).status.ok());
  EXPECT_TRUE(ends.at(100).status.ok());
  EXPECT_EQ(stage.Read("taken"), "first");
  EXPECT_THAT(stage.gateway->Log(), HasSubstr(ends.at(0).call_id));
}

TEST(ManyTest, AWrongChecksumFailsItsObjectAlone) {
  Stage stage({});
  ManyCall call(*stage.stub);
  pb::UploadManyRequest request;
  request.set_id(1);
  *request.mutable_header() = HeaderFor("wrong");
  request.set_data("bytes");
  request.set_crc32c(7);
  ASSERT_TRUE(call.Send(request));
  ASSERT_TRUE(call.Send(2, HeaderFor("right"), "bytes"));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_THAT(ends, SizeIs(2));
  EXPECT_EQ(ends.at(1).reason, "CHECKSUM_MISMATCH");
  EXPECT_EQ(ends.at(1).status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_TRUE(ends.at(2).status.ok());
  EXPECT_EQ(stage.Read("wrong"), std::nullopt);
}

TEST(ManyTest, WhatNeedsAStreamOfItsOwnFailsItsObjectAlone) {
  Stage stage({});
  pb::UploadHeader header = HeaderFor("o");
  header.set_progress(true);
  header.set_can_rewind(true);
  header.set_sha256_follows(true);
  header.set_md5_follows(true);
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(1, header, "x"));
  ASSERT_TRUE(call.Send(2, HeaderFor("p"), "x"));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_THAT(ends, SizeIs(2));
  ASSERT_TRUE(ends.at(1).bad_request);
  std::vector<std::string> fields;
  for (const auto& violation : ends.at(1).bad_request->field_violations()) {
    fields.push_back(violation.field());
  }
  EXPECT_THAT(fields, ::testing::ElementsAre(
                          "header.progress", "header.can_rewind",
                          "header.sha256_follows", "header.md5_follows"));
  EXPECT_TRUE(ends.at(2).status.ok());
}

TEST(ManyTest, AnIdInUseEndsTheStreamWhenTheOthersAreAnswered) {
  Stage stage({});
  stage.Stall("storePut", milliseconds(300));
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(7, HeaderFor("first"), "x"));
  ASSERT_TRUE(call.Send(7, HeaderFor("second"), "y"));
  const auto ends = ReadAll(call);
  const CallEnd end = call.Finish();
  EXPECT_EQ(end.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_EQ(end.reason, "BAD_FRAME_ORDER");
  EXPECT_THAT(end.status.error_message(), HasSubstr("id 7"));
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends.at(7).result.object().path(), "first");
  EXPECT_EQ(stage.Read("second"), std::nullopt);
}

TEST(ManyTest, AnIdIsFreeOnceItsAnswerWasRead) {
  Stage stage({});
  ManyCall call(*stage.stub);
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(call.Send(7, HeaderFor(absl::StrCat(i)), "x"));
    const auto answer = call.Read();
    ASSERT_TRUE(answer) << i << ": " << call.Finish().status.error_message();
    EXPECT_EQ(answer->result().object().path(), absl::StrCat(i));
  }
  call.HalfClose();
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_TRUE(call.Finish().status.ok());
}

TEST(ManyTest, ARequestIdIsOneUploadByWhateverCallItComes) {
  Stage stage({});
  pb::UploadHeader header = HeaderFor("o");
  header.set_request_id("once");
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(1, header, "x"));
  ASSERT_TRUE(call.Send(2, header, "x"));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  const CallEnd again = UploadUnary(*stage.stub, header, "x");
  ASSERT_THAT(ends, SizeIs(2));
  for (const uint64_t id : {1U, 2U}) {
    EXPECT_EQ(ends.at(id).result.object().physical_address(),
              again.result.object().physical_address());
  }
  EXPECT_EQ(stage.Count("linkPhysicalAddress"), 1);
}

TEST(ManyTest, ACancellationIsOneOfEachObject) {
  Stage stage({}, {"--unary-timeout=1h"});  // nothing else ends them
  // The first two are held up before their bytes are in the store.
  stage.Stall("storePut", seconds(300));
  stage.Stall("storePut", seconds(300));
  ManyCall call(*stage.stub, seconds(300));
  for (const uint64_t id : {0U, 1U}) {
    pb::UploadHeader header = HeaderFor(PathOf(id));
    header.set_request_id(absl::StrCat("cancelled-", id));
    ASSERT_TRUE(call.Send(id, header, "x"));
  }
  ASSERT_TRUE(Await([&] { return stage.Count("storePut") == 2; }));
  ASSERT_TRUE(call.Send(2, HeaderFor(PathOf(2)), "x"));
  const auto answer = call.Read();
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->id(), 2U);
  call.Cancel();
  EXPECT_THAT(ReadAll(call), IsEmpty());
  EXPECT_EQ(call.Finish().status.error_code(), grpc::CANCELLED);
  for (const uint64_t id : {0U, 1U}) {
    pb::GetUploadOutcomeRequest request;
    request.set_request_id(absl::StrCat("cancelled-", id));
    pb::GetUploadOutcomeResponse outcome;
    ASSERT_TRUE(Await([&] {
      grpc::ClientContext context;
      EXPECT_TRUE(
          stage.stub->GetUploadOutcome(&context, request, &outcome).ok());
      return !outcome.in_progress();
    }));
    EXPECT_EQ(outcome.outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(stage.Read(PathOf(id)), std::nullopt);
  }
  EXPECT_EQ(stage.Read(PathOf(2)), "x");
}

// It is found out about as that of a single call is.
TEST(ManyTest, ALinkInFlightWhenTheCallerGoesIsKnownAfterwards) {
  Stage stage({});
  stage.Stall("linkPhysicalAddress", seconds(2));
  ManyCall call(*stage.stub);
  pb::UploadHeader header = HeaderFor("o");
  header.set_request_id("late");
  ASSERT_TRUE(call.Send(0, header, "x"));
  ASSERT_TRUE(Await([&] { return stage.Count("linkPhysicalAddress") == 1; }));
  call.Cancel();
  EXPECT_THAT(ReadAll(call), IsEmpty());
  pb::GetUploadOutcomeRequest request;
  request.set_request_id("late");
  pb::GetUploadOutcomeResponse outcome;
  ASSERT_TRUE(Await([&] {
    grpc::ClientContext context;
    EXPECT_TRUE(stage.stub->GetUploadOutcome(&context, request, &outcome).ok());
    return outcome.outcome() == pb::OUTCOME_COMMITTED;
  }));
  EXPECT_EQ(stage.Read("o"), "x");
}

TEST(ManyTest, TheDeadlineOfTheStreamIsOneOfEachObject) {
  Stage stage({});
  stage.Stall("storePut", seconds(60));
  ManyCall call(*stage.stub, seconds(5));
  ASSERT_TRUE(call.Send(0, HeaderFor("o"), "x"));
  EXPECT_THAT(ReadAll(call), IsEmpty());
  EXPECT_EQ(call.Finish().status.error_code(), grpc::DEADLINE_EXCEEDED);
  const auto over = [&] {
    return stage.gateway->Log().find("\"outcome\":\"NOT_COMMITTED\"") !=
           std::string::npos;
  };
  ASSERT_TRUE(Await(over));
  EXPECT_EQ(stage.Read("o"), std::nullopt);
  stage.emulator.ClearFaults();  // on a slow machine it did not get that far
}

TEST(ManyTest, AnObjectHasAsLongAsAUnaryCallWithoutADeadline) {
  Stage stage({}, {"--unary-timeout=3s"});
  stage.Stall("storePut", seconds(60));
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(0, HeaderFor("slow"), "x"));
  ASSERT_TRUE(call.Send(1, HeaderFor("quick"), "x"));
  call.HalfClose();
  const auto ends = ReadAll(call);
  EXPECT_TRUE(call.Finish().status.ok());
  ASSERT_THAT(ends, SizeIs(2));
  const auto& slow = ends.at(0).status.ok() ? ends.at(1) : ends.at(0);
  EXPECT_EQ(slow.status.error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(slow.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
}

TEST(ManyTest, AStreamWithoutADeadlineEndsAtTheGatewaysOwn) {
  Stage stage({}, {"--upload-timeout=1s"});
  grpc::ClientContext context;
  const auto stream = stage.stub->UploadMany(&context);
  pb::UploadManyResponse response;
  EXPECT_FALSE(stream->Read(&response));
  const CallEnd end = EndOf(stream->Finish());
  EXPECT_EQ(end.status.error_code(), grpc::DEADLINE_EXCEEDED);
  EXPECT_EQ(end.reason, "DEADLINE_EXCEEDED");
}

TEST(ManyTest, ADrainAnswersWhatItBeganAndWhatHasNoAnswerWasNotBegun) {
  Stage stage({});
  ManyCall call(*stage.stub);
  std::map<uint64_t, CallEnd> ends;
  std::atomic<size_t> answered = 0;
  std::jthread reader([&] {
    while (const auto answer = call.Read()) {
      EXPECT_TRUE(ends.emplace(answer->id(), EndOf(*answer)).second);
      ++answered;
    }
  });
  uint64_t sent = 0;
  std::atomic<bool> stop = false;
  std::jthread sender([&] {
    while (!stop && call.Send(sent, HeaderFor(PathOf(sent)), "x")) ++sent;
  });
  ASSERT_TRUE(Await([&] { return answered > 100; }));
  stage.gateway->Terminate();
  reader.join();
  stop = true;
  sender.join();
  const CallEnd end = call.Finish();
  EXPECT_EQ(end.status.error_code(), grpc::UNAVAILABLE);
  EXPECT_EQ(end.reason, "DRAINING");
  const auto paths = stage.emulator.ListPaths("quickstart", "main");
  const std::set<std::string> linked(paths.begin(), paths.end());
  EXPECT_GT(linked.size(), 100U);
  for (uint64_t id = 0; id <= sent; ++id) {
    const auto found = ends.find(id);
    const bool committed = found != ends.end() && found->second.status.ok();
    EXPECT_EQ(linked.contains(PathOf(id)), committed) << id;
    if (found != ends.end() && !committed) {
      EXPECT_EQ(found->second.reason, "DRAINING");
    }
  }
}

TEST(ManyTest, ADrainEndsAnIdleStream) {
  Stage stage({});
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(0, HeaderFor("o"), "x"));
  ASSERT_TRUE(call.Read());
  stage.gateway->Terminate();
  EXPECT_EQ(call.Read(), std::nullopt);
  EXPECT_EQ(call.Finish().reason, "DRAINING");
}

TEST(ManyTest, TheEndOfTheGracePeriodIsToldToEachObject) {
  Stage stage({}, {"--drain-timeout=200ms"});
  stage.Stall("storePut", seconds(60));
  ManyCall call(*stage.stub);
  ASSERT_TRUE(call.Send(0, HeaderFor("o"), "x"));
  ASSERT_TRUE(Await([&] { return stage.Count("storePut") == 1; }));
  stage.gateway->Terminate();
  const auto ends = ReadAll(call);
  EXPECT_EQ(call.Finish().reason, "DRAINING");
  ASSERT_THAT(ends, SizeIs(1));
  EXPECT_EQ(ends.at(0).reason, "DRAINING");
  EXPECT_EQ(ends.at(0).failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
}

// The answers carry metadata, so that few of them fill what lies between the
// gateway and a caller that does not read.
TEST(ManyTest, WhoReadsNoAnswersIsHeldUpAndNobodyElse) {
  constexpr uint64_t kObjects = 1000;
  Stage stage({});
  grpc::ChannelArguments arguments;  // with a window that does not grow
  arguments.SetInt("grpc.http2.bdp_probe", 0);
  arguments.SetInt("grpc.use_local_subchannel_pool", 1);
  const auto stub = pb::Staging::NewStub(grpc::CreateCustomChannel(
      stage.gateway->address(), grpc::InsecureChannelCredentials(), arguments));
  ManyCall call(*stub, seconds(250));
  std::atomic<uint64_t> sent = 0;
  std::jthread sender([&] {
    for (uint64_t id = 0; id < kObjects; ++id) {
      pb::UploadHeader header = HeaderFor(PathOf(id));
      (*header.mutable_user_metadata())["k"] = std::string(7'000, 'v');
      if (!call.Send(id, header, "x")) break;
      ++sent;
    }
    call.HalfClose();
  });
  // Until nothing more of it is linked while others' objects are.
  int linked = -1;
  for (int calm = 0, other = 0; calm < 20; ++other) {
    ASSERT_LT(other, 2000) << "it goes on";
    ASSERT_TRUE(stage.Put(absl::StrCat("other/", other), "x").status.ok());
    const int now = stage.Count("linkPhysicalAddress") - other - 1;
    calm = now == linked ? calm + 1 : 0;
    linked = now;
  }
  // 64 unanswered, and what gRPC keeps of answers on both sides.
  EXPECT_LT(linked, 300);
  EXPECT_LT(sent, kObjects);
  const auto ends = ReadAll(call);
  sender.join();
  EXPECT_TRUE(call.Finish().status.ok());
  EXPECT_EQ(ends.size(), kObjects);
}

TEST(ManyTest, AStreamThatFloodsLeavesOthersTheirShare) {
  Stage stage({});
  Fault slow;
  slow.operation = "storePut";
  slow.kind = Fault::Kind::kStall;
  slow.delay = milliseconds(100);
  slow.times = -1;
  stage.emulator.AddFault(slow);
  constexpr uint64_t kOthers = 150;

  ManyCall flood(*stage.stub, seconds(250));
  std::atomic<bool> stop = false;
  std::atomic<uint64_t> flooded = 0;
  std::jthread flood_reader([&] {
    while (flood.Read()) ++flooded;
  });
  std::jthread flood_sender([&] {
    for (uint64_t id = 0; !stop; ++id) {
      if (!flood.Send(id, HeaderFor(absl::StrCat("flood/", id)), "x")) break;
    }
    flood.HalfClose();
  });
  ASSERT_TRUE(Await([&] { return flooded > 200; }));

  const auto stub = stage.gateway->NewStub();
  ManyCall other(*stub, seconds(250));
  const uint64_t before = flooded;
  std::jthread other_sender([&] {
    for (uint64_t id = 0; id < kOthers; ++id) {
      ASSERT_TRUE(other.Send(id, HeaderFor(absl::StrCat("other/", id)), "x"));
    }
    other.HalfClose();
  });
  const auto ends = ReadAll(other);
  const uint64_t meanwhile = flooded - before;
  EXPECT_TRUE(other.Finish().status.ok());
  EXPECT_EQ(ends.size(), kOthers);
  // As many in turn, and those that were under way when it began and ended.
  EXPECT_LT(meanwhile, 2 * kOthers + 128);
  EXPECT_TRUE(UploadUnary(*stub, HeaderFor("unary"), "x").status.ok());
  stop = true;
  flood_sender.join();
  flood_reader.join();
  EXPECT_TRUE(flood.Finish().status.ok());
}

TEST(ManyTest, EachObjectIsALineOfTheLogAndAnUploadOfTheMetrics) {
  Stage stage({});
  ManyCall call(*stage.stub);
  pb::UploadHeader header = HeaderFor("o");
  header.set_request_id("named");
  ASSERT_TRUE(call.Send(1, header, "x"));
  ASSERT_TRUE(call.Send(2, HeaderFor(""), "x"));
  call.HalfClose();
  EXPECT_THAT(ReadAll(call), SizeIs(2));
  EXPECT_TRUE(call.Finish().status.ok());
  const std::string log = stage.gateway->Log();
  EXPECT_THAT(log, HasSubstr("\"method\":\"UploadMany\",\"stream\":\"\""));
  EXPECT_THAT(log, HasSubstr("\"request_id\":\"named\""));
  EXPECT_THAT(log, HasSubstr("\"outcome\":\"NOT_COMMITTED\""));
}

}  // namespace
}  // namespace lakefs::gateway::testing
