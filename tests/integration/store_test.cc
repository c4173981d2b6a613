// Stores as they are set up wrong, slow or odd, with the whole program.
#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr size_t kMiB = 1 << 20;

std::map<std::string, std::string> StoreKeys() {
  const EmulatorOptions options;
  return {{"AWS_ACCESS_KEY_ID", options.store_access_key_id},
          {"AWS_SECRET_ACCESS_KEY", options.store_secret_access_key}};
}

Fault Refusal(const std::string& operation, int status, const std::string& code,
              const std::string& message, int times = 1) {
  Fault fault;
  fault.operation = operation;
  fault.status = status;
  fault.body = absl::StrCat("<Error><Code>", code, "</Code><Message>", message,
                            "</Message></Error>");
  fault.times = times;
  return fault;
}

void ExpectRefusedFor(const std::string& setting, const CallEnd& end,
                      Stage& stage) {
  EXPECT_EQ(end.status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_EQ(end.reason, "STORE_REJECTED") << end.status.error_message();
  EXPECT_THAT(end.status.error_message(), HasSubstr(setting));
  EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
  EXPECT_THAT(stage.emulator.ListPaths("quickstart", "main"), IsEmpty())
      << "an object or a probe is left";
}

TEST(StoreProofTest, AnS3ThatIsNotLakefsOwnGetsNothingLinked) {
  Emulator other({.dialect = Dialect::kV0_66});
  ASSERT_TRUE(other.Start().ok());
  Stage stage({.dialect = Dialect::kV0_66},
              {"--s3-endpoint=" + other.store_endpoint()}, StoreKeys());
  for (const size_t size : {size_t{0}, size_t{3}, 20 * kMiB}) {
    ExpectRefusedFor("--s3-endpoint",
                     stage.Put("folder/o", std::string(size, 'x')), stage);
  }
  EXPECT_EQ(other.OpenMultipartUploads(), 0);
}

TEST(StoreProofTest, AVolumeThatIsNotLakefsOwnGetsNothingLinked) {
  const std::filesystem::path folder =
      std::filesystem::path(::testing::TempDir()) / "store_proof_test";
  const std::filesystem::path other = folder / "other";
  const std::filesystem::path lake = folder / "lake";
  std::filesystem::create_directories(other);
  std::filesystem::create_directories(lake);
  {
    Stage stage(
        {.store = StoreKind::kLocal, .local_path = lake.string()},
        {absl::StrCat("--local-store=", lake.string(), "=", other.string())});
    ExpectRefusedFor("--local-store", stage.Put("o", "hello"), stage);
  }
  std::filesystem::remove_all(folder);
}

TEST(StoreProofTest, LakefsOwnStoreIsProvenOnceForManyUploads) {
  Stage stage({.dialect = Dialect::kV0_66}, {"--s3-endpoint=STORE"},
              StoreKeys());
  for (int i = 0; i < 5; ++i) {
    const CallEnd end = stage.Put(absl::StrCat("o", i), "hello");
    ASSERT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_EQ(end.result.plan(), pb::PLAN_DIRECT_S3);
  }
  EXPECT_EQ(stage.Count("linkPhysicalAddress"), 5 + 1);
  EXPECT_EQ(stage.Count("getObject"), 1);
  EXPECT_EQ(stage.emulator.ListPaths("quickstart", "main").size(), 5U)
      << "the probe is left";
}

TEST(StoreErrorTest, ASessionThatEndsBeforeItsUrlCostsAFreshUrl) {
  Stage stage({});
  for (const char* operation : {"storePut", "storePutPart"}) {
    stage.emulator.AddFault(Refusal(operation, 400, "ExpiredToken",
                                    "The provided token has expired."));
    const std::string data(
        absl::StartsWith(operation, "storePutP") ? 20 * kMiB : 5, 'x');
    const CallEnd end = stage.Put("o", data);
    EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(stage.Read("o") == data);
  }
}

TEST(StoreErrorTest, ASessionOfTheGatewaysOwnThatHasEndedIsSaidToBeThat) {
  Stage stage({.dialect = Dialect::kV0_66}, {"--s3-endpoint=STORE"},
              StoreKeys());
  ASSERT_TRUE(stage.Put("o", "proven").status.ok());
  stage.emulator.AddFault(Refusal("storePut", 400, "ExpiredToken",
                                  "The provided token has expired."));
  const CallEnd end = stage.Put("o2", "hello");
  EXPECT_EQ(end.status.error_code(), grpc::FAILED_PRECONDITION);
  EXPECT_THAT(end.status.error_message(),
              HasSubstr("the gateway's own session at the store has ended"));
}

TEST(StoreErrorTest, ABucketWithObjectLockNamesTheSetting) {
  Stage stage({});
  stage.emulator.AddFault(
      Refusal("storePut", 400, "InvalidRequest",
              "Content-MD5 OR x-amz-checksum- HTTP header is required for Put "
              "Object requests with Object Lock parameters"));
  const CallEnd end = stage.Put("o", "hello");
  EXPECT_EQ(end.reason, "STORE_REJECTED");
  EXPECT_THAT(end.status.error_message(),
              AllOf(HasSubstr("with Object Lock parameters"),
                    HasSubstr("--content-md5")));
}

TEST(PresignTest, SwitchedOffItIsNotUsedWhereTheServerOffersIt) {
  for (const bool own_keys : {true, false}) {
    std::vector<std::string> flags = {"--presign=off"};
    if (own_keys) flags.push_back("--s3-endpoint=STORE");
    Stage stage({}, flags,
                own_keys ? StoreKeys() : std::map<std::string, std::string>{});
    for (const size_t size : {size_t{5}, 20 * kMiB}) {
      const std::string data(size, 'x');
      const CallEnd end = stage.Put("o", data);
      ASSERT_TRUE(end.status.ok()) << end.status.error_message();
      EXPECT_EQ(end.result.plan(),
                own_keys ? pb::PLAN_DIRECT_S3 : pb::PLAN_THROUGH_LAKEFS);
      EXPECT_TRUE(stage.Read("o") == data);
    }
  }
}

// The bytes are there, and lakeFS has to be told a checksum: no repetition, and
// no other address, would bring one.
TEST(StoreErrorTest, AStoreThatNamesNoEtagIsToldAtOnce) {
  const EmulatorOptions direct{.presign = false};
  struct Case {
    EmulatorOptions options;
    const char* operation;
    size_t size;
  };
  for (const auto& [options, operation, size] :
       {Case{{}, "storePut", 100}, Case{{}, "storePutPart", 9 << 20},
        Case{{.store = StoreKind::kGcs}, "storePut", 100},
        Case{{.store = StoreKind::kAzure}, "storePut", 100},
        Case{direct, "storePut", 100}, Case{direct, "storePutPart", 9 << 20}}) {
    SCOPED_TRACE(absl::StrCat(operation, " ", options.presign));
    Stage stage(options, {"--s3-endpoint=STORE"}, StoreKeys());
    // What proves the store is of the gateway's own.
    if (!options.presign) {
      ASSERT_TRUE(stage.Put("first", "x").status.ok());
    }
    stage.emulator.ClearJournal();
    stage.Break(operation, Fault::Kind::kNoETag);
    const CallEnd end = stage.Put("a", Bytes(size));
    EXPECT_EQ(end.status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
    EXPECT_EQ(end.reason, "STORE_REJECTED");
    EXPECT_THAT(end.status.error_message(), HasSubstr("without an ETag"));
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(stage.Count("storePut"), operation == std::string("storePut"));
    EXPECT_EQ(stage.Count("linkPhysicalAddress"), 0);
    EXPECT_EQ(stage.Read("a"), std::nullopt);
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
