// A call with a request_id can be made again, to the same gateway or another,
// and its outcome can be asked for.
#include <gmock/gmock.h>

#include <filesystem>
#include <set>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

constexpr size_t kMiB = 1 << 20;

pb::UploadHeader Header(const std::string& request_id, bool if_absent = false) {
  pb::UploadHeader header = HeaderFor("o", if_absent);
  header.set_request_id(request_id);
  return header;
}

pb::ObjectPath Object() { return HeaderFor("o").object(); }

struct Answer {
  grpc::Status status;
  pb::GetUploadOutcomeResponse response;
};
Answer Ask(pb::Staging::Stub& stub, const std::string& request_id,
           bool with_object = false) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(60));
  pb::GetUploadOutcomeRequest request;
  request.set_request_id(request_id);
  if (with_object) *request.mutable_object() = Object();
  Answer answer;
  answer.status = stub.GetUploadOutcome(&context, request, &answer.response);
  return answer;
}

// The addresses that links and completes with an effect were for.
std::set<std::string> Linked(Stage& stage) {
  std::set<std::string> addresses;
  for (const JournalEntry& entry : stage.emulator.Journal()) {
    if (entry.status != 200 && entry.status != 0) continue;
    const bool links = entry.operation == "linkPhysicalAddress" ||
                       entry.operation == "completePresignMultipartUpload";
    if (!links) continue;
    const size_t at = entry.body.find("\"physical_address\":\"");
    if (at == std::string::npos) continue;
    const size_t begin = at + 20;
    addresses.insert(
        entry.body.substr(begin, entry.body.find('"', begin) - begin));
  }
  return addresses;
}

TEST(IdempotencyTest, ARepeatedCallGetsTheFirstResult) {
  Stage stage({});
  const std::string data = Bytes(100'000);
  const CallEnd first = Upload(*stage.stub, Header("r"), data);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();
  const int requests = static_cast<int>(stage.emulator.Journal().size());
  for (const auto upload : {Upload, UploadUnary}) {
    pb::UploadHeader header = Header("r");
    const CallEnd again = upload(*stage.stub, header, data, seconds(60));
    if (upload == UploadUnary) {
      // It tells the size, and so has another header.
      EXPECT_EQ(again.status.error_code(), grpc::INVALID_ARGUMENT);
      continue;
    }
    ASSERT_TRUE(again.status.ok()) << again.status.error_message();
    EXPECT_EQ(again.result.SerializeAsString(),
              first.result.SerializeAsString());
  }
  EXPECT_EQ(static_cast<int>(stage.emulator.Journal().size()), requests);
  const Answer answer = Ask(*stage.stub, "r");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(answer.response.result().SerializeAsString(),
            first.result.SerializeAsString());
}

TEST(IdempotencyTest, AnotherHeaderIsRefused) {
  Stage stage({});
  ASSERT_TRUE(Upload(*stage.stub, Header("r"), "first").status.ok());
  pb::UploadHeader other = Header("r");
  other.set_content_type("text/x");
  const CallEnd end = Upload(*stage.stub, other, "second");
  EXPECT_EQ(end.status.error_code(), grpc::INVALID_ARGUMENT);
  ASSERT_TRUE(end.bad_request);
  EXPECT_EQ(end.bad_request->field_violations(0).field(), "header.request_id");
  EXPECT_EQ(stage.Read("o"), "first");
}

TEST(IdempotencyTest, OfTwoAtOnceOneUploads) {
  Stage stage({});
  stage.Stall("storePut", milliseconds(200));
  const std::string data = Bytes(50'000);
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      const CallEnd end = Upload(*stage.gateway->NewStub(), Header("r"), data);
      EXPECT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(stage.Count("storePut"), 1);
  EXPECT_EQ(stage.Count("linkPhysicalAddress"), 1);
}

TEST(IdempotencyTest, AnUploadThatFailedRunsAgain) {
  Stage stage({});
  stage.Break("storePut", Fault::Kind::kStatus, 1, 0, 403);
  stage.Break("storePut", Fault::Kind::kStatus, 1, 0, 403);
  stage.Break("storePut", Fault::Kind::kStatus, 1, 0, 403);
  const CallEnd failed = Upload(*stage.stub, Header("r"), "data");
  EXPECT_FALSE(failed.status.ok());
  const Answer answer = Ask(*stage.stub, "r");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_EQ(answer.response.failure_reason(), failed.reason);
  EXPECT_EQ(answer.response.failure().advice(), failed.failure->advice());
  EXPECT_TRUE(Upload(*stage.stub, Header("r"), "data").status.ok());
  EXPECT_EQ(stage.Read("o"), "data");
  EXPECT_EQ(Ask(*stage.stub, "r").response.outcome(), pb::OUTCOME_COMMITTED);
}

struct Form {
  const char* name;
  EmulatorOptions options;
  size_t size;
  bool if_absent;
};
void PrintTo(const Form& form, std::ostream* out) { *out << form.name; }

const Form kForms[] = {
    {"SinglePut", {}, 1000, false},
    {"IfAbsent", {}, 1000, true},
    {"Multipart", {}, 20 * kMiB, false},
    {"SpooledPut", {}, 20 * kMiB, true},
    {"V1_21", {.dialect = Dialect::kV1_21}, 1000, false},
    {"V0_101", {.dialect = Dialect::kV0_101}, 1000, false},
    {"Azure", {.store = StoreKind::kAzure}, 20 * kMiB, false},
    {"ThroughLakefs", {.store = StoreKind::kLocal}, 1000, false},
    {"ThroughLakefsIfAbsent", {.store = StoreKind::kLocal}, 1000, true},
};

class ReplicaTest : public ::testing::TestWithParam<Form> {};

TEST_P(ReplicaTest, AnotherGatewayKnowsByTheObjectWhatWasDone) {
  const Form& form = GetParam();
  Stage stage(form.options);
  const std::string data = Bytes(form.size);
  const auto header = Header("request 1", form.if_absent);
  const CallEnd first = Upload(*stage.stub, header, data);
  ASSERT_TRUE(first.status.ok()) << first.status.error_message();

  GatewayProcess other(stage.emulator.endpoint());
  const auto stub = other.NewStub();
  EXPECT_EQ(Ask(*stub, "request 1").status.error_code(), grpc::NOT_FOUND);
  EXPECT_EQ(Ask(*stub, "request 2", true).status.error_code(), grpc::NOT_FOUND);
  const Answer answer = Ask(*stub, "request 1", true);
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_COMMITTED);

  const CallEnd again = Upload(*stub, header, data);
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_EQ(again.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(again.result.object().physical_address(),
            first.result.object().physical_address());
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_LE(Linked(stage).size(), 1U);

  pb::UploadHeader changed = header;
  changed.set_content_type("text/x");
  GatewayProcess third(stage.emulator.endpoint());
  EXPECT_EQ(Upload(*third.NewStub(), changed, data).status.error_code(),
            grpc::INVALID_ARGUMENT);
}

INSTANTIATE_TEST_SUITE_P(Forms, ReplicaTest, ::testing::ValuesIn(kForms),
                         [](const auto& info) { return info.param.name; });

// What a caller that does not wait long enough leaves, the gateway finds out.
TEST(OutcomeTest, ACallWhoseDeadlineStruckDuringTheLinkIsFoundOut) {
  Stage stage({});
  stage.Stall("linkPhysicalAddress", seconds(2));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(1));
  pb::UploadObjectRequest request;
  *request.mutable_header() = Header("r");
  request.set_data("data");
  pb::UploadObjectResponse response;
  const auto status = stage.stub->UploadObject(&context, request, &response);
  EXPECT_EQ(status.error_code(), grpc::DEADLINE_EXCEEDED);
  Answer answer = Ask(*stage.stub, "r");
  ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
  for (int i = 0; i < 200 && answer.response.in_progress(); ++i) {
    EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_UNKNOWN);
    std::this_thread::sleep_for(milliseconds(50));
    answer = Ask(*stage.stub, "r");
  }
  EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_COMMITTED)
      << answer.response.failure_message();
  EXPECT_EQ(stage.Read("o"), "data");
  EXPECT_EQ(Linked(stage).size(), 1U);
}

// The outcome, once the gateway has ended looking for it.
Answer AskUntilOver(pb::Staging::Stub& stub, const std::string& request_id) {
  Answer answer = Ask(stub, request_id);
  for (int i = 0; i < 900 && answer.response.in_progress(); ++i) {
    std::this_thread::sleep_for(milliseconds(50));
    answer = Ask(stub, request_id);
  }
  return answer;
}

// So does who cancels, by whichever call.
TEST(OutcomeTest, ACallThatWasCancelledDuringTheLinkIsFoundOut) {
  for (const bool unary : {false, true}) {
    SCOPED_TRACE(unary);
    Stage stage({});
    stage.Stall("linkPhysicalAddress", seconds(2));
    grpc::ClientContext context;
    grpc::Status status;
    std::jthread caller([&] {
      if (unary) {
        pb::UploadObjectRequest request;
        *request.mutable_header() = Header("r");
        request.set_data("data");
        pb::UploadObjectResponse response;
        status = stage.stub->UploadObject(&context, request, &response);
        return;
      }
      const auto stream = stage.stub->UploadAndLink(&context);
      for (const auto& message : MessagesOf(Header("r"), "data")) {
        stream->Write(message);
      }
      status = stream->Finish();
    });
    const auto limit = std::chrono::steady_clock::now() + seconds(30);
    while (stage.Count("linkPhysicalAddress") == 0 &&
           std::chrono::steady_clock::now() < limit) {
      std::this_thread::yield();
    }
    context.TryCancel();
    caller.join();
    EXPECT_EQ(status.error_code(), grpc::CANCELLED);
    const Answer answer = AskUntilOver(*stage.stub, "r");
    ASSERT_TRUE(answer.status.ok()) << answer.status.error_message();
    EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_COMMITTED)
        << answer.response.failure_message();
    EXPECT_EQ(stage.Read("o"), "data");
    EXPECT_EQ(Linked(stage).size(), 1U);
  }
}

// The link never had an effect: repeating the call brings it about, and not
// another object.
TEST(OutcomeTest, ACallThatStayedUnknownIsLinkedByItsRepetition) {
  Stage stage({});
  stage.Break("linkPhysicalAddress", Fault::Kind::kStall);  // for ever
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + seconds(1));
  pb::UploadObjectRequest request;
  *request.mutable_header() = Header("r");
  request.set_data("data");
  pb::UploadObjectResponse response;
  EXPECT_FALSE(stage.stub->UploadObject(&context, request, &response).ok());
  const CallEnd again = UploadUnary(*stage.stub, Header("r"), "data");
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_EQ(again.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(stage.Read("o"), "data");
  EXPECT_EQ(stage.Count("storePut"), 1);
  EXPECT_EQ(stage.Count("getPhysicalAddress"), 1);
}

// Its parts are aborted when the first call ends. To take their absence for
// completion would replace what stands there by an entry without bytes.
TEST(OutcomeTest, AMultipartThatStayedUnknownHarmsNothingWhenItIsRepeated) {
  Stage stage({});
  ASSERT_TRUE(stage.Put("o", "old").status.ok());
  stage.Break("completePresignMultipartUpload", Fault::Kind::kStall);
  const std::string data = Bytes(20 * kMiB);
  EXPECT_FALSE(Upload(*stage.stub, Header("r"), data, seconds(2)).status.ok());
  const Answer answer = AskUntilOver(*stage.stub, "r");
  EXPECT_EQ(answer.response.outcome(), pb::OUTCOME_UNKNOWN);
  EXPECT_EQ(stage.Count("abortPresignMultipartUpload"), 1);
  EXPECT_EQ(stage.Read("o"), "old");
  const CallEnd again = Upload(*stage.stub, Header("r"), data);
  ASSERT_TRUE(again.status.ok()) << again.status.error_message();
  EXPECT_EQ(again.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_TRUE(stage.Read("o") == data);
  // The first call may still look, and prove what it sees by a link.
  EXPECT_EQ(stage.emulator.AddressesLinked("quickstart", "o").size(), 2U)
      << "the old one's and one more";
  EXPECT_EQ(stage.Count("deleteObject"), 0);
}

// It is larger than what is held, and its caller cannot send it again.
TEST(OutcomeTest, WhatWasLostThroughLakefsIsLookedForUntilItComes) {
  Stage stage({.presign = false});
  const std::string data = Bytes(3 * kMiB);
  Fault late;
  late.operation = "uploadObject";
  late.kind = Fault::Kind::kLate;
  late.delay = seconds(1);
  stage.emulator.AddFault(late);
  const CallEnd end = Upload(*stage.stub, Header("r"), data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
  EXPECT_EQ(stage.Count("uploadObject"), 1);
  EXPECT_TRUE(stage.Read("o") == data);
}

// A small one is held, and sent again.
TEST(OutcomeTest, WhatIsHeldAndWasLostThroughLakefsIsSentAgain) {
  Stage stage({.presign = false});
  stage.Break("uploadObject", Fault::Kind::kResetBefore);
  const CallEnd end = Upload(*stage.stub, Header("r", true), "data");
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.rounds(), 2);
  EXPECT_EQ(stage.Read("o"), "data");
}

// What old releases would drop is refused before a byte moves.
TEST(OutcomeTest, WhatGoesThroughOldReleasesIsKeptOrRefused) {
  for (const Dialect dialect : {Dialect::kV0_66, Dialect::kV0_101}) {
    EmulatorOptions options{.dialect = dialect};
    options.presign = false;
    Stage stage(options);
    pb::UploadHeader typed = HeaderFor("o");
    typed.set_content_type("text/x-test");
    const CallEnd end = Upload(*stage.stub, typed, "data");
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.plan(), pb::PLAN_THROUGH_LAKEFS);
    EXPECT_EQ(end.result.object().content_type(), "text/x-test");

    pb::UploadHeader with_metadata = HeaderFor("m");
    (*with_metadata.mutable_user_metadata())["k"] = "v";
    for (const auto& header : {Header("r"), with_metadata}) {
      const CallEnd refused = Upload(*stage.stub, header, "data");
      EXPECT_EQ(refused.status.error_code(), grpc::FAILED_PRECONDITION);
      EXPECT_EQ(refused.reason, "UPSTREAM_UNIMPLEMENTED");
    }
    EXPECT_EQ(stage.Put("c", "data", false, /*if_absent=*/true).status.ok(),
              dialect == Dialect::kV0_66);
    EXPECT_EQ(stage.Count("uploadObject"), dialect == Dialect::kV0_66 ? 2 : 1);
  }
}

TEST(OutcomeTest, AReadOnlyRepositoryIsToldBeforeTheBytesAreUp) {
  Stage stage({});
  stage.emulator.SetReadOnly("quickstart", true);
  stage.Stall("createPresignMultipartUpload", seconds(2));  // is told by then
  const CallEnd end = stage.Put("o", Bytes(60 * kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::PERMISSION_DENIED);
  EXPECT_LE(stage.Count("storePutPart"), 1);
}

TEST(ReplicasTest, TheSlowerOfTwoReplicasLinksNoSecondObject) {
  Stage stage({});
  stage.Stall("storePutPart", seconds(3));
  const std::string data = Bytes(20 * kMiB);
  CallEnd slow;
  std::thread slower([&] { slow = Upload(*stage.stub, Header("r"), data); });
  while (stage.Count("storePutPart") == 0) std::this_thread::yield();
  GatewayProcess other(stage.emulator.endpoint());
  const CallEnd quick = Upload(*other.NewStub(), Header("r"), data);
  slower.join();
  ASSERT_TRUE(quick.status.ok()) << quick.status.error_message();
  ASSERT_TRUE(slow.status.ok()) << slow.status.error_message();
  EXPECT_EQ(slow.result.object().physical_address(),
            quick.result.object().physical_address());
  EXPECT_FALSE(slow.result.has_crc32c()) << "its own bytes were not used";
  EXPECT_EQ(stage.emulator.AddressesLinked("quickstart", "o").size(), 1U);
}

// The first attempt looks for no earlier one, and yet sees a later.
TEST(ReplicasTest, AFirstAttemptThatIsOvertakenLinksNoSecondObject) {
  Stage stage({});
  stage.Stall("storePut", seconds(3));
  pb::UploadHeader first = Header("r");
  first.set_attempt(1);
  CallEnd slow;
  std::thread slower([&] { slow = Upload(*stage.stub, first, "data"); });
  while (stage.Count("storePut") == 0) std::this_thread::yield();
  GatewayProcess other(stage.emulator.endpoint());
  pb::UploadHeader second = Header("r");
  second.set_attempt(2);
  const CallEnd quick = Upload(*other.NewStub(), second, "data");
  slower.join();
  ASSERT_TRUE(quick.status.ok()) << quick.status.error_message();
  ASSERT_TRUE(slow.status.ok()) << slow.status.error_message();
  EXPECT_EQ(slow.result.object().physical_address(),
            quick.result.object().physical_address());
  EXPECT_EQ(stage.emulator.AddressesLinked("quickstart", "o").size(), 1U);
}

// Such a release would overwrite what stands there, and say 200.
TEST(LinkTest, ACreateIsRefusedWhereTheReleaseKnowsNoCondition) {
  for (const Dialect dialect : {Dialect::kV0_66, Dialect::kV0_101}) {
    Stage stage({.dialect = dialect});
    grpc::ClientContext asking;
    pb::GetPhysicalAddressRequest ask;
    *ask.mutable_object() = Object();
    pb::GetPhysicalAddressResponse location;
    ASSERT_TRUE(stage.stub->GetPhysicalAddress(&asking, ask, &location).ok());
    grpc::ClientContext context;
    pb::LinkPhysicalAddressRequest request;
    *request.mutable_object() = Object();
    *request.mutable_metadata()->mutable_staging() = location.location();
    request.mutable_metadata()->set_checksum("c");
    request.mutable_metadata()->set_size_bytes(1);
    request.set_if_absent(true);
    pb::LinkPhysicalAddressResponse response;
    const CallEnd end =
        EndOf(stage.stub->LinkPhysicalAddress(&context, request, &response));
    EXPECT_EQ(end.status.error_code(), grpc::FAILED_PRECONDITION);
    EXPECT_EQ(end.reason, "UPSTREAM_UNIMPLEMENTED");
    EXPECT_EQ(stage.Count("linkPhysicalAddress"), 0);
  }
}

TEST(LinkTest, SoIsAnUploadAndForItsHeaderAlone) {
  Stage stage({.dialect = Dialect::kV0_101});
  for (const size_t size : {5 << 10, 20 << 20}) {
    const CallEnd end = stage.Put("o", Bytes(size), false, true);
    EXPECT_EQ(end.status.error_code(), grpc::FAILED_PRECONDITION);
    EXPECT_EQ(end.reason, "UPSTREAM_UNIMPLEMENTED");
    EXPECT_THAT(end.status.error_message(), HasSubstr("v1.12"));
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  }
  EXPECT_EQ(stage.Count("getPhysicalAddress"), 0);
  EXPECT_EQ(stage.Count("storePut"), 0);
}

// A stat shows the root of a local store twice.
TEST(OutcomeTest, TheAddressOnALocalStoreIsTheSameForWhoeverAsks) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "local_outcome_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  const std::string flag = "--local-store=" + folder.string();
  Stage stage({.store = StoreKind::kLocal, .local_path = folder.string()},
              {flag});
  const CallEnd end = Upload(*stage.stub, Header("r"), "data");
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.plan(), pb::PLAN_LOCAL_FILE);
  const std::string& address = end.result.object().physical_address();
  GatewayProcess other(stage.emulator.endpoint(), {flag});
  const auto replica = other.NewStub();
  EXPECT_EQ(
      Ask(*replica, "r", true).response.result().object().physical_address(),
      address);
  EXPECT_EQ(
      Upload(*replica, Header("r"), "data").result.object().physical_address(),
      address);
}

TEST(OutcomeTest, ARequestIdIsRequired) {
  Stage stage({});
  const Answer answer = Ask(*stage.stub, "");
  EXPECT_EQ(answer.status.error_code(), grpc::INVALID_ARGUMENT);
  EXPECT_THAT(answer.status.error_message(), HasSubstr("request_id"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
