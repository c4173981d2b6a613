// The gateway is killed at every step of an upload, and the call is made again
// to the one that takes its place: exactly one object comes of it.
#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = 1 << 20;
constexpr milliseconds kLate{300};

// A request in the middle of which the gateway is killed. It takes effect only
// then. A gateway asks for the configuration when it starts, before any call.
struct Step {
  const char* operation;
  int occurrence = 1;
  int late = 1;  // how many of them take so long; -1: all, since they are
                 // asked for side by side
};

struct Way {
  const char* name;
  EmulatorOptions options;
  size_t size;
  bool if_absent;
  std::vector<Step> steps;
  // What is left open in the store, for a rule of the bucket to clean up.
  bool leaves_multipart = false;
};

const std::vector<Step> kSinglePut = {{"getConfig", 2, 2},
                                      {"statObject"},
                                      {"getPhysicalAddress"},
                                      {"storePut"},
                                      {"linkPhysicalAddress"}};

const Way kWays[] = {
    {"SinglePut", {}, 1000, false, kSinglePut},
    {"IfAbsent", {}, 1000, true, kSinglePut},
    {"Spooled", {}, 20 * kMiB, true, kSinglePut},
    {"SingleUse", {.dialect = Dialect::kV1_21}, 1000, false, kSinglePut},
    {"Multipart",
     {},
     40 * kMiB,  // five parts: the URLs of four come at once
     false,
     {{"createPresignMultipartUpload"},
      {"uploadPart", 1, -1},
      {"storePutPart"},
      {"storePutPart", 3},
      {"completePresignMultipartUpload"}},
     true},
    {"Azure",
     {.store = StoreKind::kAzure},
     20 * kMiB,
     false,
     {{"storePutPart"}, {"storePutBlockList"}, {"linkPhysicalAddress"}}},
    {"ThroughLakefs",
     {.store = StoreKind::kLocal},
     1000,
     false,
     {{"statObject"}, {"uploadObject"}}},
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

class KillTest : public ::testing::TestWithParam<Way> {
 protected:
  int Count(const std::string& operation, bool answered = false) {
    int count = 0;
    for (const JournalEntry& entry : emulator_.Journal()) {
      count += entry.operation == operation && (!answered || entry.status != 0);
    }
    return count;
  }
  bool Await(const std::function<bool()>& condition) {
    for (int i = 0; i < 2000; ++i) {
      if (condition()) return true;
      std::this_thread::sleep_for(milliseconds(5));
    }
    return false;
  }

  Emulator emulator_{GetParam().options};
};

TEST_P(KillTest, TheRepeatedCallLinksExactlyOneObject) {
  const Way& way = GetParam();
  ASSERT_TRUE(emulator_.Start().ok());
  emulator_.CreateRepository("quickstart");
  const std::string data = Bytes(way.size);
  for (const Step& step : way.steps) {
    const std::string name =
        absl::StrCat(way.name, "/", step.operation, "/", step.occurrence);
    SCOPED_TRACE(name);
    emulator_.ClearJournal();
    Fault late;
    late.operation = step.operation;
    late.kind = Fault::Kind::kStall;
    late.delay = kLate;
    late.skip = step.late < 0 ? 0 : step.occurrence - step.late;
    late.times = step.late;
    emulator_.AddFault(late);
    pb::UploadHeader header = HeaderFor(name, way.if_absent);
    header.set_request_id(name);
    // With a known size, the URLs of all parts come with the upload.
    if (step.operation != std::string("uploadPart")) {
      header.set_size_bytes(static_cast<int64_t>(way.size));
    }

    GatewayProcess killed(emulator_.endpoint());
    bool first_ended_well = true;
    std::jthread caller([&] {
      first_ended_well = Upload(*killed.NewStub(), header, data).status.ok();
    });
    ASSERT_TRUE(
        Await([&] { return Count(step.operation) >= step.occurrence; }));
    std::this_thread::sleep_for(kLate / 6);
    killed.Kill();
    caller.join();
    EXPECT_FALSE(first_ended_well);
    // What was in flight takes effect now.
    std::this_thread::sleep_for(kLate);

    GatewayProcess next(emulator_.endpoint());
    const CallEnd end = Upload(*next.NewStub(), header, data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
    EXPECT_TRUE(emulator_.ReadObject("quickstart", "main", name) == data);
    int made_visible = 0;
    for (const char* links :
         {"linkPhysicalAddress", "completePresignMultipartUpload",
          "uploadObject"}) {
      made_visible += Count(links);
    }
    // The first one, and the proof of it.
    EXPECT_LE(made_visible, 2);
    EXPECT_EQ(emulator_.AddressesLinked("quickstart", name).size(), 1U);
    EXPECT_EQ(emulator_.UnconsumedFaults().size(), 0U);
  }
  EXPECT_EQ(emulator_.OpenMultipartUploads() > 0, way.leaves_multipart);
}

INSTANTIATE_TEST_SUITE_P(Ways, KillTest, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lakefs::gateway::testing
