// What an upload costs: the requests that it takes, one by one. And what is
// lost with the one that is spared.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::seconds;
using ::testing::ElementsAreArray;
using ::testing::UnorderedElementsAreArray;

using Requests = std::vector<std::string>;

// All but those for the server's configuration, which the gateway asks for by
// itself, when it starts and now and then.
Requests Asked(Stage& stage) {
  Requests requests;
  for (const JournalEntry& entry : stage.emulator.Journal()) {
    if (entry.operation != "getConfig" &&
        entry.operation != "getStorageConfig" &&
        entry.operation != "getLakeFSVersion") {
      requests.push_back(entry.operation);
    }
  }
  return requests;
}

// By whom an upload is made: with which request_id, and which attempt of it.
struct Caller {
  const char* name;
  bool has_request_id;
  uint32_t attempt;
  bool looks;  // whether an earlier call is looked for
};
const Caller kCallers[] = {{"any", false, 0, false},
                           {"first", true, 1, false},
                           {"second", true, 2, true},
                           {"uncounted", true, 0, true}};

struct Way {
  const char* name;
  EmulatorOptions options;
  Requests requests;
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

const Requests kThree = {"getPhysicalAddress", "storePut",
                         "linkPhysicalAddress"};
const Way kWays[] = {
    {"V1_84", {}, kThree},
    {"V1_21", {.dialect = Dialect::kV1_21}, kThree},
    {"V0_101", {.dialect = Dialect::kV0_101}, kThree},
    {"Azure", {.store = StoreKind::kAzure}, kThree},
    {"Google", {.store = StoreKind::kGcs}, kThree},
    {"ThroughLakefs", {.store = StoreKind::kLocal}, {"uploadObject"}},
};

class RequestsTest : public ::testing::TestWithParam<Way> {};
INSTANTIATE_TEST_SUITE_P(Ways, RequestsTest, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return info.param.name; });

TEST_P(RequestsTest, ASmallObjectTakesNoneBeyondWhatItNeeds) {
  const Way& way = GetParam();
  Stage stage(way.options);
  ASSERT_TRUE(stage.Put("warms up", "x").status.ok());
  const bool through = way.requests.size() == 1;
  for (const bool unary : {false, true}) {
    for (const Caller& caller : kCallers) {
      // Who moved for over a second may have been overtaken, and looks; which a
      // busy machine can make of anybody.
      for (int i = 0; i < 20; ++i) {
        const std::string path = absl::StrCat(caller.name, unary, i);
        SCOPED_TRACE(path);
        stage.emulator.ClearJournal();
        pb::UploadHeader header = HeaderFor(path);
        if (caller.has_request_id) header.set_request_id(path);
        header.set_attempt(caller.attempt);
        if (through) header.set_size_bytes(4);
        const CallEnd end = unary ? UploadUnary(*stage.stub, header, "data")
                                  : Upload(*stage.stub, header, "data");
        ASSERT_TRUE(end.status.ok()) << end.status.error_message();
        if (caller.has_request_id && end.result.elapsed().seconds() > 0) {
          continue;
        }
        Requests expected = way.requests;
        if (caller.looks) {
          expected.push_back("statObject");  // beside the others
          EXPECT_THAT(Asked(stage), UnorderedElementsAreArray(expected));
        } else {
          EXPECT_THAT(Asked(stage), ElementsAreArray(expected));
        }
        EXPECT_EQ(end.result.attempts(), static_cast<int>(expected.size()));
        break;
      }
    }
  }
}

TEST(RequestsOfTest, ALargeObjectIsLookedForAndItsBranch) {
  Stage stage({});
  ASSERT_TRUE(stage.Put("warms up", "x").status.ok());
  const std::string data = Bytes((8 << 20) + 1);
  for (const bool known : {false, true}) {
    for (const bool if_absent : {false, true}) {
      SCOPED_TRACE(absl::StrCat(known, if_absent));
      stage.emulator.ClearJournal();
      const CallEnd end =
          stage.Put(absl::StrCat(known, if_absent), data, known, if_absent);
      ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      const Requests asked = Asked(stage);
      for (const char* once : {"statObject", "getBranch", "getRepository"}) {
        EXPECT_EQ(std::count(asked.begin(), asked.end(), once), 1) << once;
      }
    }
  }
}

TEST(RequestsOfTest, OneWithoutItsPartsEndToldOfIsLookedForOnce) {
  Stage stage({});
  ASSERT_TRUE(stage.Put("warms up", "x").status.ok());
  stage.emulator.ClearJournal();
  pb::UploadHeader header = HeaderFor("o");
  header.set_request_id("r");
  const CallEnd end = Upload(*stage.stub, header, Bytes((8 << 20) + 1));
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_LE(stage.Count("statObject"), end.result.elapsed().seconds() ? 2 : 1);
  EXPECT_EQ(stage.Count("getBranch"), 1);
}

// At a gateway that knows nothing of the first.
TEST(RequestsOfTest, AFirstAttemptThatIsNoneLinksASecondObject) {
  Stage stage({});
  GatewayProcess other(stage.emulator.endpoint());
  for (const bool if_absent : {false, true}) {
    const std::string path = if_absent ? "created" : "written";
    pb::UploadHeader header = HeaderFor(path, if_absent);
    header.set_request_id(path);
    header.set_attempt(1);
    const CallEnd first = Upload(*stage.stub, header, "data");
    ASSERT_TRUE(first.status.ok()) << first.status.error_message();
    const CallEnd again = Upload(*other.NewStub(), header, "data");
    ASSERT_TRUE(again.status.ok()) << again.status.error_message();
    EXPECT_EQ(again.result.outcome(), pb::OUTCOME_COMMITTED);
    // What stands there is what is told, and a create creates once all the
    // same.
    EXPECT_EQ(stage.Read(path), "data");
    EXPECT_EQ(again.result.object().physical_address() ==
                  first.result.object().physical_address(),
              if_absent);
    EXPECT_EQ(stage.emulator.AddressesLinked("quickstart", path).size(),
              if_absent ? 1U : 2U);
  }
}

TEST(RequestsOfTest, AnAttemptOfNothingIsRefused) {
  Stage stage({});
  pb::UploadHeader header = HeaderFor("o");
  header.set_attempt(1);
  for (const CallEnd& end : {Upload(*stage.stub, header, "data"),
                             UploadUnary(*stage.stub, header, "data")}) {
    EXPECT_EQ(end.status.error_code(), grpc::INVALID_ARGUMENT);
    ASSERT_TRUE(end.bad_request);
    EXPECT_EQ(end.bad_request->field_violations(0).field(), "header.attempt");
  }
}

// Nobody has looked, and the link is lost after some seconds.
TEST(RequestsOfTest, WhoCameInTheMeantimeIsNotWrittenOverAndWhoWasThereIs) {
  for (const bool meantime : {false, true}) {
    SCOPED_TRACE(meantime);
    Stage stage({});
    ASSERT_TRUE(stage.Put("o", "another's").status.ok());
    Fault lost;
    lost.operation = "linkPhysicalAddress";
    lost.kind = Fault::Kind::kResetBefore;
    lost.delay = seconds(5);
    stage.emulator.AddFault(lost);
    stage.emulator.ClearJournal();
    CallEnd end;
    std::atomic<bool> over = false;
    std::jthread caller([&] {
      end = stage.Put("o", "ours");
      over = true;
    });
    while (stage.Count("linkPhysicalAddress") == 0 && !over) {
      std::this_thread::yield();
    }
    const auto stub = stage.gateway->NewStub();
    while (meantime && !over) {
      EXPECT_TRUE(Upload(*stub, HeaderFor("o"), "another's").status.ok());
    }
    caller.join();
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.outcome(),
              meantime ? pb::OUTCOME_SUPERSEDED : pb::OUTCOME_COMMITTED);
    EXPECT_EQ(stage.Read("o"), meantime ? "another's" : "ours");
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
