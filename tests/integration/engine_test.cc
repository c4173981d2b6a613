// Objects of all sizes, over every form of store and range of releases.
#include <gmock/gmock.h>

#include <atomic>
#include <filesystem>
#include <map>
#include <thread>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
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
  bool if_absent = false;
};

const StoreForm kForms[] = {
    {"v1.84 s3", {}, pb::PLAN_MULTIPART},
    {"v1.84 s3 if_absent", {}, pb::PLAN_SPOOLED_PUT, true},
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
      const std::string path = absl::StrCat("o/", size, known);
      const CallEnd end = stage.Put(path, data, known, GetParam().if_absent);
      ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_EQ(end.result.object().size_bytes(), size);
      EXPECT_EQ(end.result.bytes_resent(), 0);
      EXPECT_TRUE(stage.Read(path) == data);
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
    0,        3 * kMiB,     5 * kMiB - 1, 5 * kMiB,  5 * kMiB + 1,
    8 * kMiB, 8 * kMiB + 1, 40 * kMiB,    100 * kMiB};

std::map<std::string, std::string> StoreKeys() {
  const EmulatorOptions options;
  return {{"AWS_ACCESS_KEY_ID", options.store_access_key_id},
          {"AWS_SECRET_ACCESS_KEY", options.store_secret_access_key}};
}

class DirectS3Test : public ::testing::Test {
 protected:
  Stage stage_{
      {.dialect = Dialect::kV0_66}, {"--s3-endpoint=STORE"}, StoreKeys()};
};

TEST_F(DirectS3Test, ALostAnswerOfACompleteThatWorkedIsFoundOut) {
  const std::string data = Bytes(20 * kMiB);
  for (const Fault::Kind kind :
       {Fault::Kind::kResetAfter, Fault::Kind::kStatusAfter,
        Fault::Kind::kTruncate, Fault::Kind::kGarbage}) {
    stage_.emulator.ClearJournal();
    stage_.Break("storeCompleteMultipartUpload", kind);
    const CallEnd end = stage_.Put("o", data);
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.bytes_resent(), 0);
    EXPECT_EQ(stage_.Count("storeCompleteMultipartUpload"), 2);
    EXPECT_EQ(stage_.Count("storeGet"), 1);
    EXPECT_TRUE(stage_.Read("o") == data);
  }
}

TEST_F(DirectS3Test, ObjectsGoByKeysOfOurOwnWherePresignIsOff) {
  for (const int64_t size : kOwnStoreSizes) {
    const std::string data = Bytes(static_cast<size_t>(size));
    for (const bool known : {false, true}) {
      const CallEnd end = stage_.Put("o", data, known);
      ASSERT_TRUE(end.status.ok()) << size << end.status.error_message();
      EXPECT_EQ(end.result.plan(), pb::PLAN_DIRECT_S3);
      EXPECT_EQ(end.result.crc32c(), Crc32c(data));
      EXPECT_TRUE(stage_.Read("o") == data);
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

// What the query of a part's PUT names it by.
std::pair<std::string, std::string> NameOfPart(StoreKind store, int number) {
  if (store != StoreKind::kAzure) return {"partNumber", absl::StrCat(number)};
  return {"blockid", absl::Base64Escape(absl::StrFormat("%08d", number))};
}

// The answers to the PUTs of each part, by its name: 0 where there was none.
std::map<std::string, std::vector<int>> PartAnswers(Stage& stage) {
  std::map<std::string, std::vector<int>> answers;
  for (const JournalEntry& entry : stage.emulator.Journal()) {
    if (entry.operation != "storePutPart") continue;
    const auto block = entry.query.find("blockid");
    const bool azure = block != entry.query.end();
    answers[azure ? block->second : entry.query.at("partNumber")].push_back(
        entry.status);
  }
  return answers;
}

// That the store took `parts` parts, each once, and those that it took at once
// were not sent again.
void ExpectEachPartOnce(Stage& stage, size_t parts) {
  const auto answers = PartAnswers(stage);
  EXPECT_EQ(answers.size(), parts);
  for (const auto& [name, of_part] : answers) {
    ASSERT_FALSE(of_part.empty());
    EXPECT_EQ(of_part.back() / 100, 2) << "part " << name;
    for (size_t i = 0; i + 1 < of_part.size(); ++i) {
      EXPECT_NE(of_part[i] / 100, 2) << "part " << name << " was there already";
    }
  }
}

// Ways to bring an object in parts.
struct PartedForm {
  const char* name;
  EmulatorOptions options;
  bool own_keys;
  const char* abort;  // the operation; Azure has none
};

class PartedTest : public ::testing::TestWithParam<PartedForm> {
 protected:
  StoreKind store() const { return GetParam().options.store; }

  Stage stage_{
      GetParam().options,
      GetParam().own_keys ? std::vector<std::string>{"--s3-endpoint=STORE"}
                          : std::vector<std::string>{},
      GetParam().own_keys ? StoreKeys() : std::map<std::string, std::string>{}};
};

TEST_P(PartedTest, APartThatFailsThreeTimesIsSentAgainAlone) {
  const auto name = NameOfPart(store(), 2);
  Fault fault;
  fault.operation = "storePutPart";
  fault.query = {name};
  fault.status = 503;
  fault.times = 3;
  stage_.emulator.AddFault(fault);
  const std::string data = Bytes(40 * kMiB);
  const CallEnd end = stage_.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage_.Read("o") == data);
  EXPECT_EQ(end.result.bytes_resent(), 3 * 8 * kMiB);
  EXPECT_EQ(end.result.rounds(), 1);
  ExpectEachPartOnce(stage_, 5);
  EXPECT_EQ(stage_.Count("storePutPart"), 5 + 3);
  EXPECT_EQ(PartAnswers(stage_)[name.second].size(), 1 + 3U);
}

TEST_P(PartedTest, AStoreThatAcknowledgesAPartItLostIsCaught) {
  // A block has no ETag.
  if (store() == StoreKind::kAzure) return;
  // A complete that was refused has burnt the address, for an abort too.
  stage_.may_leave_uploads = GetParam().options.dialect == Dialect::kV1_21;
  stage_.Break("storePutPart", Fault::Kind::kWrongETag, 1, 1);
  const CallEnd end = stage_.Put("o", Bytes(40 * kMiB));
  EXPECT_EQ(end.status.error_code(), grpc::StatusCode::DATA_LOSS)
      << end.status.error_message();
  EXPECT_EQ(end.reason, "CHECKSUM_MISMATCH");
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_FALSE(stage_.Read("o").has_value());
  ExpectEachPartOnce(stage_, 5);
  EXPECT_EQ(stage_.Count(GetParam().abort), 1);
}

TEST_P(PartedTest, ACallerThatVanishesLeavesNothingBehind) {
  const auto limit =
      std::chrono::steady_clock::now() + std::chrono::seconds(60);
  const auto in_time = [&] { return std::chrono::steady_clock::now() < limit; };
  {
    grpc::ClientContext context;
    const auto stream = stage_.stub->UploadAndLink(&context);
    auto messages = MessagesOf(HeaderFor("o"), Bytes(60 * kMiB));
    messages.pop_back();
    for (const auto& message : messages) ASSERT_TRUE(stream->Write(message));
    while (stage_.Count("storePutPart") < 5 && in_time()) {
      std::this_thread::yield();
    }
    context.TryCancel();
    (void)stream->Finish();
  }
  while (stage_.emulator.OpenMultipartUploads() > 0 && in_time()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  EXPECT_EQ(stage_.emulator.OpenMultipartUploads(), 0);
  stage_.gateway.reset();  // after which nothing comes any more
  EXPECT_TRUE(stage_.emulator.ListPaths("quickstart", "main").empty());
  EXPECT_EQ(stage_.Count("storePutBlockList"), 0);
  if (store() != StoreKind::kAzure) {
    EXPECT_EQ(stage_.Count(GetParam().abort), 1);
  }
  EXPECT_GE(PartAnswers(stage_).size(), 5U);
  for (const auto& [name, answers] : PartAnswers(stage_)) {
    EXPECT_EQ(answers.size(), 1U) << "part " << name;
  }
}

const PartedForm kPartedForms[] = {
    {"v184", {}, false, "abortPresignMultipartUpload"},
    {"v121",
     {.dialect = Dialect::kV1_21},
     false,
     "abortPresignMultipartUpload"},
    {"own_keys",
     {.dialect = Dialect::kV0_66},
     true,
     "storeAbortMultipartUpload"},
    {"azure", {.store = StoreKind::kAzure}, false, ""},
};

INSTANTIATE_TEST_SUITE_P(Forms, PartedTest, ::testing::ValuesIn(kPartedForms),
                         [](const auto& info) { return info.param.name; });

TEST(PartFaultTest, AUrlThatTheStoreRefusesIsAskedForAgain) {
  Stage stage({});
  Fault fault;
  fault.operation = "storePutPart";
  fault.query = {NameOfPart(StoreKind::kS3, 2)};
  fault.status = 403;
  stage.emulator.AddFault(fault);
  const std::string data = Bytes(40 * kMiB);
  const CallEnd end = stage.Put("o", data);
  ASSERT_TRUE(end.status.ok()) << end.status.error_message();
  EXPECT_TRUE(stage.Read("o") == data);
  ExpectEachPartOnce(stage, 5);
  EXPECT_EQ(stage.Count("storePutPart"), 5 + 1);
  int asked = 0;
  for (const JournalEntry& entry : stage.emulator.Journal()) {
    if (entry.operation != "uploadPart") continue;
    asked += absl::StrContains(entry.target, "/parts/2?");
  }
  EXPECT_EQ(asked, 1) << "its first URL came with the upload";
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
  for (const auto& [name, answers] : PartAnswers(stage)) {
    for (const int answer : answers) {
      EXPECT_TRUE(answer == 200 || answer == 403) << name << " " << answer;
    }
  }
}

TEST(PartFaultTest, AStoreThatStallsForHalfAMinuteIsWaitedFor) {
  Stage stage({});
  stage.Stall("storePutPart", std::chrono::seconds(30), /*skip=*/1);
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
               .presign_lifetime = std::chrono::seconds(6)});
  Fault slow;
  slow.operation = "storePutPart";
  slow.kind = Fault::Kind::kSlow;
  slow.delay = std::chrono::milliseconds(6500);
  slow.times = 8;  // as many as go at once; the last two come too late
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

// A SAS of `life` that ends while the third block is on its way.
void EndTheSasInTheMiddle(Stage& stage, std::chrono::seconds life) {
  Fault slow;
  slow.operation = "storePutPart";
  slow.kind = Fault::Kind::kSlow;
  slow.delay = life + std::chrono::milliseconds(500);
  slow.skip = 2;
  slow.times = 1;
  stage.emulator.AddFault(slow);
}

TEST(SasTest, ItsEndInTheMiddleIsAClearErrorIfTheBytesAreGone) {
  for (const int ahead : {-20, 0, 20}) {
    Stage stage({.store = StoreKind::kAzure,
                 .now = ClockAhead(std::chrono::minutes(ahead)),
                 .presign_lifetime = std::chrono::seconds(2)});
    EndTheSasInTheMiddle(stage, std::chrono::seconds(2));
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
               .presign_lifetime = std::chrono::seconds(6)});
  EndTheSasInTheMiddle(stage, std::chrono::seconds(6));
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
    stage.Stall("linkPhysicalAddress", std::chrono::seconds(2));
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
    stage.Stall(operation, std::chrono::milliseconds(800));
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

}  // namespace
}  // namespace lakefs::gateway::testing
