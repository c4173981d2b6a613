// Objects of all sizes, over every form of store and range of releases.
#include <gmock/gmock.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "absl/strings/escaping.h"
#include "gateway/base/clock.h"
#include "gateway/base/crc32c.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/stage.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;

constexpr int64_t kMiB = 1 << 20;

struct StoreForm {
  const char* name;
  EmulatorOptions options;
  pb::Plan large;  // what an object over one part goes by
};

const StoreForm kForms[] = {
    {"v1.84 s3", {}, pb::PLAN_MULTIPART},
    {"v1.21 s3", {.dialect = Dialect::kV1_21}, pb::PLAN_MULTIPART},
    {"v0.101 s3", {.dialect = Dialect::kV0_101}, pb::PLAN_SPOOLED_PUT},
    {"v0.66 s3", {.dialect = Dialect::kV0_66}, pb::PLAN_THROUGH_LAKEFS},
    {"azure", {.store = StoreKind::kAzure}, pb::PLAN_AZURE_BLOCKS},
    {"gcs", {.store = StoreKind::kGcs}, pb::PLAN_SPOOLED_PUT},
    {"local", {.store = StoreKind::kLocal}, pb::PLAN_THROUGH_LAKEFS},
};

class EngineTest : public ::testing::TestWithParam<StoreForm> {};

TEST_P(EngineTest, ObjectsOfAllSizesArriveByteForByte) {
  Stage stage(GetParam().options);
  for (const int64_t size : {5 * kMiB - 1, 5 * kMiB, 5 * kMiB + 1, 8 * kMiB,
                             8 * kMiB + 1, 24 * kMiB, 100 * kMiB}) {
    const std::string data = Bytes(static_cast<size_t>(size));
    for (const bool known : {false, true}) {
      SCOPED_TRACE(::testing::Message() << size << (known ? " known" : ""));
      const CallEnd end = stage.Put("o", data, known);
      ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_EQ(end.result.object().size_bytes(), size);
      EXPECT_EQ(end.result.bytes_resent(), 0);
      EXPECT_TRUE(stage.Read("o") == data);
      if (size > 8 * kMiB) {
        EXPECT_EQ(end.result.plan(), GetParam().large);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Forms, EngineTest, ::testing::ValuesIn(kForms),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           for (char& c : name) {
                             if (!std::isalnum(c)) c = '_';
                           }
                           return name;
                         });

// For stores that the gateway reaches without presigned URLs.
constexpr int64_t kOwnStoreSizes[] = {
    0, 3 * kMiB, 8 * kMiB, 8 * kMiB + 1, 40 * kMiB, 100 * kMiB};

class DirectS3Test : public ::testing::Test {
 protected:
  DirectS3Test() : emulator_(options_) {
    EXPECT_TRUE(emulator_.Start().ok());
    emulator_.CreateRepository("quickstart");
    gateway_ = std::make_unique<GatewayProcess>(
        emulator_.endpoint(),
        std::vector<std::string>{"--s3-endpoint=" + emulator_.store_endpoint()},
        std::map<std::string, std::string>{
            {"AWS_ACCESS_KEY_ID", options_.store_access_key_id},
            {"AWS_SECRET_ACCESS_KEY", options_.store_secret_access_key}});
    stub_ = gateway_->NewStub();
  }
  ~DirectS3Test() override {
    EXPECT_THAT(emulator_.UnconsumedFaults(), ::testing::IsEmpty());
    EXPECT_EQ(emulator_.OpenMultipartUploads(), 0);
  }
  void Break(const std::string& operation, Fault::Kind kind) {
    Fault fault;
    fault.operation = operation;
    fault.kind = kind;
    emulator_.AddFault(fault);
  }
  int Count(const std::string& operation) {
    const auto journal = emulator_.Journal();
    return static_cast<int>(
        std::count_if(journal.begin(), journal.end(),
                      [&operation](const JournalEntry& entry) {
                        return entry.operation == operation;
                      }));
  }

  const EmulatorOptions options_{.dialect = Dialect::kV0_66};
  Emulator emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
};

TEST_F(DirectS3Test, ALostAnswerOfACompleteThatWorkedIsFoundOut) {
  const std::string data = Bytes(20 * kMiB);
  for (const Fault::Kind kind :
       {Fault::Kind::kResetAfter, Fault::Kind::kStatusAfter,
        Fault::Kind::kTruncate, Fault::Kind::kGarbage}) {
    emulator_.ClearJournal();
    Break("storeCompleteMultipartUpload", kind);
    const CallEnd end = Upload(*stub_, HeaderFor("o"), data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.bytes_resent(), 0);
    EXPECT_EQ(Count("storeCompleteMultipartUpload"), 2);
    EXPECT_EQ(Count("storeGet"), 1);
    EXPECT_TRUE(emulator_.ReadObject("quickstart", "main", "o") == data);
  }
}

TEST_F(DirectS3Test, AStoreThatAcknowledgesAPartItLostIsCaught) {
  Break("storePutPart", Fault::Kind::kWrongETag);
  const CallEnd end = Upload(*stub_, HeaderFor("o"), Bytes(20 * kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DATA_LOSS)
      << end.status.error_message();
  EXPECT_EQ(end.reason, "CHECKSUM_MISMATCH");
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
}

TEST_F(DirectS3Test, ObjectsGoByKeysOfOurOwnWherePresignIsOff) {
  for (const int64_t size : kOwnStoreSizes) {
    const std::string data = Bytes(static_cast<size_t>(size));
    for (const bool known : {false, true}) {
      pb::UploadHeader header = HeaderFor("o");
      if (known) header.set_size_bytes(size);
      const CallEnd end = Upload(*stub_, header, data);
      ASSERT_TRUE(end.status.ok()) << size << end.status.error_message();
      EXPECT_EQ(end.result.plan(), pb::PLAN_DIRECT_S3);
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_TRUE(emulator_.ReadObject("quickstart", "main", "o") == data);
    }
  }
}

TEST(LocalFileTest, ObjectsAreWrittenToTheSharedVolume) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "local_file_test";
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  Stage stage({.store = StoreKind::kLocal, .local_path = folder.string()},
              {"--local-store=" + folder.string()});
  for (const int64_t size : kOwnStoreSizes) {
    const std::string data = Bytes(static_cast<size_t>(size));
    for (const bool known : {false, true}) {
      const CallEnd end = stage.Put("o", data, known);
      ASSERT_TRUE(end.status.ok()) << size << end.status.error_message();
      EXPECT_EQ(end.result.plan(), pb::PLAN_LOCAL_FILE);
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_TRUE(stage.Read("o") == data);
    }
  }
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder)) {
    EXPECT_NE(entry.path().filename().string().front(), '.')
        << "a temporary file is left";
  }
  std::filesystem::remove_all(folder);
}

TEST(IfAbsentTest, OverOnePartOnS3GoesByOneSpooledPut) {
  Stage stage({});
  const std::string data = Bytes(20 * kMiB);
  const CallEnd end = stage.Put("o", data, false, true);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.plan(), pb::PLAN_SPOOLED_PUT);
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_EQ(stage.Put("o", data, true, true).reason, "OBJECT_EXISTS");
  pb::UploadHeader header = HeaderFor("p", true);
  header.set_size_bytes((5ll << 30) + 1);
  const CallEnd refused = Upload(*stage.stub, header, "x");
  EXPECT_EQ(refused.reason, "OBJECT_TOO_LARGE");
  EXPECT_THAT(refused.status.error_message(), HasSubstr("if_absent"));
}

TEST(SpoolTest, AFullSpoolIsAClearErrorAndLeavesNothing) {
  Stage stage({.store = StoreKind::kGcs}, {"--spool-bytes=20000000"});
  const CallEnd end = stage.Put("o", Bytes(24 * kMiB));
  EXPECT_EQ(end.reason, "OBJECT_TOO_LARGE");
  EXPECT_THAT(end.status.error_message(), HasSubstr("--spool-bytes"));
  EXPECT_TRUE(stage.Put("o", Bytes(16 * kMiB)).status.ok());
}

// How often the store took each part, by its number.
std::map<std::string, int> PartsTaken(Stage& stage) {
  std::map<std::string, int> taken;
  for (const JournalEntry& entry : stage.emulator.Journal()) {
    if (entry.operation == "storePutPart" && entry.status == 200) {
      ++taken[entry.query.at("partNumber")];
    }
  }
  return taken;
}

// That `parts` parts were taken, each once.
void ExpectEachPartOnce(Stage& stage, size_t parts) {
  const auto taken = PartsTaken(stage);
  EXPECT_EQ(taken.size(), parts);
  for (const auto& [number, times] : taken) EXPECT_EQ(times, 1) << number;
}

TEST(PartFaultTest, APartThatFailsThreeTimesIsSentAgainAlone) {
  Stage stage({});
  stage.Break("storePutPart", Fault::Kind::kStatus, 3, 1);
  const std::string data = Bytes(40 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_EQ(stage.Count("storePutPart"), 5 + 3);
  EXPECT_EQ(end.result.bytes_resent(), 3 * 8 * kMiB);
  EXPECT_EQ(end.result.rounds(), 1);
  ExpectEachPartOnce(stage, 5);
}

TEST(PartFaultTest, APartThatNeverWorksEndsTheUploadAndLeavesNothing) {
  Stage stage({});
  stage.Break("storePutPart", Fault::Kind::kStatus, 1, 1, 400);
  const CallEnd end = stage.Put("o", Bytes(40 * kMiB));
  EXPECT_EQ(end.reason, "STORE_REJECTED");
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_EQ(stage.Count("abortPresignMultipartUpload"), 1);
  EXPECT_FALSE(stage.Read("o").has_value());
}

TEST(PartUrlTest, AnOldServerThatDoesNotTellItsVersionGivesAllAtOnce) {
  Stage stage({.dialect = Dialect::kV1_21, .version = "dev"});
  const std::string data = Bytes(60 * kMiB);
  for (const bool known : {true, false}) {
    const CallEnd end = stage.Put("o", data, known);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(stage.Read("o") == data);
  }
}

TEST(PartUrlTest, ANewServerThatDoesNotTellItsVersionIsAskedPartByPart) {
  Stage stage({.version = "dev"});
  const std::string data = Bytes(60 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_GE(stage.Count("uploadPart"), 4);
}

TEST(PartFaultTest, URLsThatExpireInTheMiddleAreAskedForAgain) {
  Stage stage({.presign_lifetime = std::chrono::seconds(1)});
  Fault slow;
  slow.operation = "storePutPart";
  slow.kind = Fault::Kind::kSlow;
  slow.delay = std::chrono::milliseconds(700);
  slow.times = 3;
  stage.emulator.AddFault(slow);
  const std::string data = Bytes(64 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_GT(stage.Count("uploadPart"), 4) << "some were asked for again";
  ExpectEachPartOnce(stage, 8);
}

TEST(PartFaultTest, AStoreThatStallsForHalfAMinuteIsWaitedFor) {
  Stage stage({});
  Fault stall;
  stall.operation = "storePutPart";
  stall.kind = Fault::Kind::kStall;
  stall.delay = std::chrono::seconds(30);
  stall.skip = 1;
  stage.emulator.AddFault(stall);
  const std::string data = Bytes(40 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_EQ(end.result.bytes_resent(), 0);
  EXPECT_EQ(stage.Count("storePutPart"), 5);
  ExpectEachPartOnce(stage, 5);
}

TEST(PartFaultTest, AStoreThatIsAwayForSomeSecondsLosesNothing) {
  for (const int64_t size : {40 * kMiB, kMiB}) {
    Stage stage({});
    for (const char* operation : {"storePut", "storePutPart"}) {
      stage.Break(operation, Fault::Kind::kResetBefore, -1);
    }
    std::jthread later([&stage] {
      std::this_thread::sleep_for(std::chrono::seconds(4));
      stage.emulator.ClearFaults();
    });
    const std::string data = Bytes(static_cast<size_t>(size));
    const CallEnd end = stage.Put("o", data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(stage.Read("o") == data);
    EXPECT_EQ(end.result.rounds(), 1);
  }
}

TEST(PartFaultTest, ARefusalIsToldToACallerThatSendsNoMore) {
  Stage stage({});
  stage.Break("storePutPart", Fault::Kind::kStatus, 1, 0, 400);
  auto messages = MessagesOf(HeaderFor("o"), Bytes(10 * kMiB));
  messages.pop_back();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(30));
  const auto stream = stage.stub->UploadAndLink(&context);
  for (const auto& message : messages) stream->Write(message);
  EXPECT_EQ(EndOf(stream->Finish()).reason, "STORE_REJECTED");
}

TEST(PartFaultTest, AStoreThatAcknowledgesAPartItLostIsCaught) {
  Stage stage({});
  stage.Break("storePutPart", Fault::Kind::kWrongETag, 1, 1);
  const CallEnd end = stage.Put("o", Bytes(40 * kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DATA_LOSS)
      << end.status.error_message();
  EXPECT_EQ(end.reason, "CHECKSUM_MISMATCH");
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_FALSE(stage.Read("o").has_value());
  ExpectEachPartOnce(stage, 5);
}

TEST(ContentMd5Test, AStoreThatGetsOtherBytesIsFoundOutAndAskedAgain) {
  Stage stage({}, {"--content-md5=true"});
  stage.Break("storePutPart", Fault::Kind::kCorrupt, 1, 1);
  const std::string data = Bytes(40 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  EXPECT_EQ(end.result.bytes_resent(), 8 * kMiB);
}

TEST(ContentMd5Test, TheCallersOwnGoesAlongWithOnePut) {
  Stage stage({});
  stage.Break("storePut", Fault::Kind::kCorrupt);
  auto messages = MessagesOf(HeaderFor("o"), "hello");
  messages.back().mutable_finish()->set_md5(
      absl::HexStringToBytes("5d41402abc4b2a76b9719d911017c592"));
  const CallEnd end = Send(*stage.stub, messages);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_EQ(end.result.bytes_resent(), 5) << "the store refused it once";
  EXPECT_EQ(stage.Read("o"), "hello");
}

TEST(ContentMd5Test, AnETagThatIsNoLongerTheMd5IsDataLoss) {
  Stage stage({}, {"--content-md5=true"});
  ASSERT_TRUE(stage.Put("proof", "that ETags are MD5s here").status.ok());
  stage.Break("storePut", Fault::Kind::kWrongETag);
  const CallEnd end = stage.Put("o", Bytes(kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_FALSE(stage.Read("o").has_value());
}

TEST(CompleteTest, ALostAnswerOfACompleteThatWorkedIsFoundOut) {
  for (const Fault::Kind kind :
       {Fault::Kind::kResetAfter, Fault::Kind::kStatusAfter,
        Fault::Kind::kTruncate, Fault::Kind::kGarbage}) {
    Stage stage({});
    stage.Break("completePresignMultipartUpload", kind);
    const std::string data = Bytes(20 * kMiB);
    const CallEnd end = stage.Put("o", data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.outcome(), pb::OUTCOME_COMMITTED);
    EXPECT_EQ(end.result.rounds(), 1);
    EXPECT_TRUE(stage.Read("o") == data);
    EXPECT_EQ(stage.Count("storePutPart"), 3);
  }
}

TEST(CompleteTest, ACompleteThatFailedBeforeItsEffectIsSentAgain) {
  for (const Fault::Kind kind :
       {Fault::Kind::kResetBefore, Fault::Kind::kStatus}) {
    Stage stage({});
    stage.Break("completePresignMultipartUpload", kind, 2);
    const std::string data = Bytes(20 * kMiB);
    const CallEnd end = stage.Put("o", data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(stage.Read("o") == data);
    EXPECT_EQ(stage.Count("completePresignMultipartUpload"), 3);
    EXPECT_EQ(stage.Count("storePutPart"), 3);
  }
}

// Sends the whole, and again from wherever it is asked to; keeps what it is
// told on the way.
struct Watched {
  CallEnd end;
  std::vector<int64_t> rewinds;
  std::vector<pb::UploadProgress> progress;
};

Watched UploadWatched(Stage& stage, const pb::UploadHeader& header,
                      const std::string& data) {
  Watched watched;
  const auto messages = MessagesOf(header, data);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(60));
  const auto stream = stage.stub->UploadAndLink(&context);
  const auto send_from = [&](int64_t offset) {
    for (const auto& message : messages) {
      const bool is_old =
          message.has_chunk() && message.chunk().write_offset() < offset;
      if (!message.has_header() && !is_old) stream->Write(message);
    }
  };
  stream->Write(messages.front());
  send_from(0);
  pb::UploadAndLinkResponse response;
  while (stream->Read(&response)) {
    if (response.has_rewind()) {
      watched.rewinds.push_back(response.rewind().offset());
      send_from(response.rewind().offset());
    } else if (response.has_progress()) {
      watched.progress.push_back(response.progress());
    } else {
      break;
    }
  }
  stream->WritesDone();
  watched.end = EndOf(stream->Finish());
  watched.end.result = response.result();
  return watched;
}

TEST(RewindTest, AConflictAsksForTheBytesAgainIfTheCallerCanSendThem) {
  Stage stage({.store = StoreKind::kAzure});
  stage.Break("linkPhysicalAddress", Fault::Kind::kConflictWithLocation);
  const std::string data = Bytes(20 * kMiB);
  pb::UploadHeader header = HeaderFor("o");
  header.set_can_rewind(true);
  const Watched watched = UploadWatched(stage, header, data);
  ASSERT_TRUE(watched.end.status.ok()) << watched.end.status.error_message();
  EXPECT_EQ(watched.rewinds, std::vector<int64_t>{0});
  EXPECT_EQ(watched.end.result.rounds(), 2);
  EXPECT_EQ(watched.end.result.bytes_resent(), 20 * kMiB);
  EXPECT_TRUE(stage.Read("o") == data);
}

TEST(RewindTest, AConflictEndsTheCallIfTheBytesAreGone) {
  Stage stage({.store = StoreKind::kAzure});
  stage.Break("linkPhysicalAddress", Fault::Kind::kConflictWithLocation);
  const CallEnd end = stage.Put("o", Bytes(20 * kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::ABORTED);
  EXPECT_EQ(end.reason, "LINK_CONFLICT");
  EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RESTART);
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
}

TEST(RewindTest, URLsThatDieTogetherAskForTheBytesAgain) {
  Stage stage({.dialect = Dialect::kV1_21,
               .presign_lifetime = std::chrono::seconds(2)});
  Fault slow;
  slow.operation = "storePutPart";
  slow.kind = Fault::Kind::kSlow;
  slow.delay = std::chrono::milliseconds(2500);
  slow.times = 4;
  stage.emulator.AddFault(slow);
  const std::string data = Bytes(80 * kMiB);
  pb::UploadHeader header = HeaderFor("o");
  header.set_can_rewind(true);
  const Watched watched = UploadWatched(stage, header, data);
  ASSERT_TRUE(watched.end.status.ok()) << watched.end.status.error_message();
  EXPECT_EQ(watched.rewinds, std::vector<int64_t>{0});
  EXPECT_TRUE(stage.Read("o") == data);
}

std::function<WallTime()> ClockAhead(std::chrono::minutes span) {
  return [span] { return std::chrono::system_clock::now() + span; };
}

TEST(SasTest, OurClockMayBeWrong) {
  for (const int ahead : {-20, 20}) {
    Stage stage({.store = StoreKind::kAzure,
                 .now = ClockAhead(std::chrono::minutes(ahead))});
    const std::string data = Bytes(20 * kMiB);
    const CallEnd end = stage.Put("o", data);
    ASSERT_TRUE(end.status.ok()) << ahead << end.status.error_message();
    EXPECT_EQ(end.result.plan(), pb::PLAN_AZURE_BLOCKS);
    EXPECT_EQ(end.result.rounds(), 1);
    EXPECT_TRUE(stage.Read("o") == data);
  }
}

// A SAS that ends while the third block is on its way.
void EndTheSasInTheMiddle(Stage& stage) {
  Fault slow;
  slow.operation = "storePutPart";
  slow.kind = Fault::Kind::kSlow;
  slow.delay = std::chrono::milliseconds(2500);
  slow.skip = 2;
  slow.times = 1;
  stage.emulator.AddFault(slow);
}

TEST(SasTest, ItsEndInTheMiddleIsAClearErrorIfTheBytesAreGone) {
  for (const int ahead : {-20, 0, 20}) {
    Stage stage({.store = StoreKind::kAzure,
                 .now = ClockAhead(std::chrono::minutes(ahead)),
                 .presign_lifetime = std::chrono::seconds(2)});
    EndTheSasInTheMiddle(stage);
    const CallEnd end = stage.Put("o", Bytes(80 * kMiB));
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(end.reason, "LINK_ADDRESS_EXPIRED");
    EXPECT_THAT(end.status.error_message(), HasSubstr("Azure"));
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(end.failure->advice(), pb::UploadFailure::ADVICE_RESTART);
  }
}

TEST(SasTest, AfterItsEndInTheMiddleTheBytesAreAskedForAgain) {
  Stage stage({.store = StoreKind::kAzure,
               .now = ClockAhead(std::chrono::minutes(20)),
               .presign_lifetime = std::chrono::seconds(2)});
  EndTheSasInTheMiddle(stage);
  const std::string data = Bytes(80 * kMiB);
  pb::UploadHeader header = HeaderFor("o");
  header.set_can_rewind(true);
  const Watched watched = UploadWatched(stage, header, data);
  ASSERT_TRUE(watched.end.status.ok()) << watched.end.status.error_message();
  EXPECT_EQ(watched.rewinds, std::vector<int64_t>{0});
  EXPECT_EQ(stage.Count("getPhysicalAddress"), 2);
  EXPECT_TRUE(stage.Read("o") == data);
}

// The emulated clock runs on between the PUT and the link.
TEST(LinkDeadlineTest, AnAddressThatDiesBeforeItsLinkIsReplaced) {
  for (const auto& [dialect, life] :
       {std::pair(Dialect::kV1_84, std::chrono::hours(25)),
        std::pair(Dialect::kV1_21, std::chrono::hours(7))}) {
    std::atomic<std::chrono::hours> ahead{std::chrono::hours(0)};
    Stage stage({.dialect = dialect, .now = [&ahead] {
                   return std::chrono::system_clock::now() + ahead.load();
                 }});
    Fault stall;
    stall.operation = "linkPhysicalAddress";
    stall.kind = Fault::Kind::kStall;
    stall.delay = std::chrono::seconds(2);
    stage.emulator.AddFault(stall);
    std::jthread later([&, hours = life](const std::stop_token& stopped) {
      while (stage.Count("storePut") == 0 && !stopped.stop_requested()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
      ahead = hours;
    });
    const CallEnd end = stage.Put("o", "late");
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.rounds(), 2);
    EXPECT_EQ(stage.Count("getPhysicalAddress"), 2);
    EXPECT_EQ(stage.Count("linkPhysicalAddress"), 2);
    EXPECT_EQ(stage.Read("o"), "late");
  }
}

TEST(ProgressTest, TheCallerIsToldHowFarItsUploadIs) {
  Stage stage({});
  for (const char* operation :
       {"storePutPart", "completePresignMultipartUpload"}) {
    Fault slow;
    slow.operation = operation;
    slow.kind = Fault::Kind::kStall;
    slow.delay = std::chrono::milliseconds(800);
    stage.emulator.AddFault(slow);
  }
  pb::UploadHeader header = HeaderFor("o");
  header.set_progress(true);
  const Watched watched = UploadWatched(stage, header, Bytes(20 * kMiB));
  ASSERT_TRUE(watched.end.status.ok()) << watched.end.status.error_message();
  ASSERT_GE(watched.progress.size(), 2U);
  EXPECT_LE(watched.progress.size(), 20U);
  EXPECT_EQ(watched.progress.front().phase(),
            pb::UploadProgress::PHASE_UPLOADING);
  const pb::UploadProgress& last = watched.progress.back();
  EXPECT_EQ(last.phase(), pb::UploadProgress::PHASE_COMPLETING);
  EXPECT_EQ(last.received_bytes(), 20 * kMiB);
  EXPECT_EQ(last.stored_bytes(), 20 * kMiB);
}

TEST(CallerTest, ACallerThatVanishesLeavesNothingBehind) {
  Stage stage({});
  {
    grpc::ClientContext context;
    const auto stream = stage.stub->UploadAndLink(&context);
    auto messages = MessagesOf(HeaderFor("o"), Bytes(60 * kMiB));
    messages.pop_back();
    for (const auto& message : messages) ASSERT_TRUE(stream->Write(message));
    while (stage.Count("storePutPart") < 5) std::this_thread::yield();
    context.TryCancel();
    (void)stream->Finish();
  }
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (stage.emulator.OpenMultipartUploads() > 0 &&
         std::chrono::steady_clock::now() < limit) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(stage.Count("abortPresignMultipartUpload"), 1);
  EXPECT_FALSE(stage.Read("o").has_value());
  for (const auto& [number, times] : PartsTaken(stage)) {
    EXPECT_EQ(times, 1) << "part " << number;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
