// The gateway is killed at every step of an upload, and the call is made again
// to the one that takes its place: exactly one object comes of it.
#include <gmock/gmock.h>

#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/await.h"
#include "tests/testing/http_get.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr size_t kMiB = 1 << 20;
// How late the request takes effect: longer than a busy machine takes to notice
// it and to kill.
constexpr milliseconds kLate{1000};

// The same where a second request has to come before the first is answered.
constexpr milliseconds kVeryLate{4000};

// A request in the middle of which the gateway is killed. It takes effect only
// then. A gateway asks for the configuration when it starts, before any call.
struct Step {
  const char* operation;
  int occurrence = 1;
  int late = 1;  // how many of them take so long; -1: all, since they are
                 // asked for side by side
  bool spoiled = false;  // what the first call sends, so that it is abandoned
};

// How the bytes get to the store, other than by presigned URLs.
enum class Access { kAsOffered, kDirectS3, kLocalFile };

struct Way {
  const char* name;
  EmulatorOptions options;
  size_t size;
  bool if_absent;
  std::vector<Step> steps;
  // What is left open in the store, for a rule of the bucket to clean up.
  bool leaves_multipart = false;
  Access access = Access::kAsOffered;
};

const std::vector<Step> kSinglePut = {{"getConfig", 2, 2},
                                      {"statObject"},
                                      {"getPhysicalAddress"},
                                      {"storePut"},
                                      {"linkPhysicalAddress"}};
// Before v0.111 the configuration is asked for in other ways.
const std::vector<Step> kOldSinglePut(kSinglePut.begin() + 1, kSinglePut.end());

const Way kWays[] = {
    {"SinglePut", {}, 1000, false, kSinglePut},
    {"IfAbsent", {}, 1000, true, kSinglePut},
    {"Spooled", {}, 20 * kMiB, true, kSinglePut},
    {"SingleUse", {.dialect = Dialect::kV1_21}, 1000, false, kSinglePut},
    {"V0_101", {.dialect = Dialect::kV0_101}, 1000, false, kOldSinglePut},
    {"Multipart",
     {},
     40 * kMiB,  // five parts: the URLs of four come at once
     false,
     {{"getBranch"},
      {"createPresignMultipartUpload"},
      {"uploadPart", 1, -1},
      {"storePutPart"},
      {"storePutPart", 3},
      {"completePresignMultipartUpload"},
      {"abortPresignMultipartUpload", 1, 1, /*spoiled=*/true}},
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
    {"DirectS3",
     {.dialect = Dialect::kV0_66},
     1000,
     false,
     kOldSinglePut,
     false,
     Access::kDirectS3},
    {"DirectS3Parts",
     {.dialect = Dialect::kV0_66},
     20 * kMiB,
     false,
     {{"storeCreateMultipartUpload"},
      {"storePutPart"},
      {"storeCompleteMultipartUpload"},
      {"linkPhysicalAddress"}},
     true,
     Access::kDirectS3},
    {"LocalFile",
     {.store = StoreKind::kLocal},
     20 * kMiB,
     true,
     {{"statObject"}, {"getPhysicalAddress"}, {"linkPhysicalAddress"}},
     false,
     Access::kLocalFile},
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

std::string NewFolder() {
  std::string path = ::testing::TempDir() + "/kill_test_XXXXXX";
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

class KillTest : public ::testing::TestWithParam<Way> {
 protected:
  ~KillTest() override { std::filesystem::remove_all(folder_); }
  int Count(const std::string& operation, bool answered = false) {
    int count = 0;
    for (const JournalEntry& entry : emulator_.Journal()) {
      count += entry.operation == operation && (!answered || entry.status != 0);
    }
    return count;
  }

  static EmulatorOptions OptionsOf(const Way& way, const std::string& folder) {
    EmulatorOptions options = way.options;
    if (way.access == Access::kLocalFile) options.local_path = folder;
    return options;
  }
  std::unique_ptr<GatewayProcess> NewGateway() {
    const EmulatorOptions& options = GetParam().options;
    std::vector<std::string> flags;
    std::map<std::string, std::string> keys;
    if (GetParam().access == Access::kDirectS3) {
      flags.push_back("--s3-endpoint=" + emulator_.store_endpoint());
      keys = {{"AWS_ACCESS_KEY_ID", options.store_access_key_id},
              {"AWS_SECRET_ACCESS_KEY", options.store_secret_access_key}};
    } else if (GetParam().access == Access::kLocalFile) {
      flags.push_back("--local-store=" + folder_);
    }
    return std::make_unique<GatewayProcess>(emulator_.endpoint(), flags, keys);
  }

  const std::string folder_ = NewFolder();
  Emulator emulator_{OptionsOf(GetParam(), folder_)};
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
    // The proof of a store is not what is killed here.
    std::unique_ptr<GatewayProcess> killed;
    const bool own_store = way.access != Access::kAsOffered;
    if (own_store) {
      killed = NewGateway();
      ASSERT_TRUE(
          Upload(*killed->NewStub(), HeaderFor("proven"), "").status.ok());
    }
    emulator_.ClearJournal();
    Fault late;
    late.operation = step.operation;
    late.kind = Fault::Kind::kStall;
    late.delay = step.late > 1 ? kVeryLate : kLate;
    late.skip = step.late < 0 ? 0 : step.occurrence - step.late;
    late.times = step.late;
    emulator_.AddFault(late);
    pb::UploadHeader header = HeaderFor(name, way.if_absent);
    header.set_request_id(name);
    // With a known size, the URLs of all parts come with the upload.
    if (step.operation != std::string("uploadPart")) {
      header.set_size_bytes(static_cast<int64_t>(way.size));
    }

    auto messages = MessagesOf(header, data);
    if (step.spoiled) messages.back().mutable_finish()->set_crc32c(1);
    if (!own_store) killed = NewGateway();
    bool first_ended_well = true;
    std::jthread caller([&] {
      first_ended_well = Send(*killed->NewStub(), messages).status.ok();
    });
    ASSERT_TRUE(
        Await([&] { return Count(step.operation) >= step.occurrence; }));
    std::this_thread::sleep_for(kLate / 20);
    killed->Kill();
    caller.join();
    EXPECT_FALSE(first_ended_well);
    // What was in flight takes effect now.
    ASSERT_TRUE(Await([&] { return emulator_.RequestsUnderWay() == 0; }));

    const auto next = NewGateway();
    const CallEnd end = Upload(*next->NewStub(), header, data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
    EXPECT_TRUE(emulator_.ReadObject("quickstart", "main", name) == data);
    int made_visible = 0;
    for (const char* links :
         {"linkPhysicalAddress", "completePresignMultipartUpload",
          "uploadObject"}) {
      made_visible += Count(links);
    }
    // The first one, and the proof of it; and that of the store.
    EXPECT_LE(made_visible, own_store ? 3 : 2);
    EXPECT_EQ(emulator_.AddressesLinked("quickstart", name).size(), 1U);
    EXPECT_EQ(emulator_.UnconsumedFaults().size(), 0U);
  }
  EXPECT_EQ(emulator_.OpenMultipartUploads() > 0, way.leaves_multipart);
}

// Before there is any request to be in the middle of.
TEST(KillWhileSpoolingTest, TheRepeatedCallLinksExactlyOneObject) {
  Stage stage({});
  const std::string spool = NewFolder();
  const std::string data = Bytes(20 * kMiB);
  pb::UploadHeader header = HeaderFor("o", /*if_absent=*/true);
  header.set_request_id("r");
  GatewayProcess killed(stage.emulator.endpoint(), {"--spool-dir=" + spool});
  const auto stub = killed.NewStub();
  grpc::ClientContext context;
  const auto stream = stub->UploadAndLink(&context);
  auto messages = MessagesOf(header, data);
  messages.resize(16);  // of 15 MiB, the end is not in sight
  for (const auto& message : messages) ASSERT_TRUE(stream->Write(message));
  const std::string metrics =
      absl::StrCat("http://", killed.admin(), "/metrics");
  ASSERT_TRUE(Await([&metrics] {
    const std::string text = Fetch(metrics).second;
    return absl::StrContains(text, "\nstaging_gateway_spool_used_bytes ") &&
           !absl::StrContains(text, "\nstaging_gateway_spool_used_bytes 0\n");
  }));
  killed.Kill();
  EXPECT_FALSE(stream->Finish().ok());
  EXPECT_TRUE(std::filesystem::is_empty(spool));
  std::filesystem::remove_all(spool);
  EXPECT_EQ(stage.Count("storePut"), 0);

  const CallEnd end = Upload(*stage.stub, header, data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.plan(), pb::PLAN_SPOOLED_PUT);
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_EQ(stage.emulator.AddressesLinked("quickstart", "o").size(), 1U);
}

INSTANTIATE_TEST_SUITE_P(Ways, KillTest, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace lakefs::gateway::testing
