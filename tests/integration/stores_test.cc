// A lakeFS with several stores, with the whole program.
#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "tests/testing/http_get.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;
using ::testing::HasSubstr;

constexpr size_t kMiB = 1 << 20;

// Four stores with a repository each.
class StoresTest : public ::testing::Test {
 protected:
  StoresTest()
      : folder_(std::filesystem::path(::testing::TempDir()) /
                absl::StrCat("stores_test", getpid())) {
    std::filesystem::create_directories(folder_ / "nas");
    emulator_ = std::make_unique<Emulator>(EmulatorOptions{
        .store_id = "eu",
        .other_stores = {{.id = "az", .kind = StoreKind::kAzure},
                         {.id = "plain", .presign = false},
                         {.id = "nas",
                          .kind = StoreKind::kLocal,
                          .local_path = (folder_ / "nas").string()}}});
    EXPECT_TRUE(emulator_->Start().ok());
    for (const char* id : {"eu", "az", "plain", "nas"}) {
      emulator_->CreateRepository(absl::StrCat("in-", id), id);
    }
  }
  ~StoresTest() override {
    gateway_.reset();
    std::filesystem::remove_all(folder_);
  }

  void Serve(const std::string& config = "") {
    const std::string file = (folder_ / "config.yaml").string();
    std::ofstream(file) << config;
    std::filesystem::permissions(file, std::filesystem::perms::owner_read |
                                           std::filesystem::perms::owner_write);
    gateway_ = std::make_unique<GatewayProcess>(
        emulator_->endpoint(), std::vector<std::string>{"--config=" + file});
    stub_ = gateway_->NewStub();
  }

  // Sends `data` to the path "o" of a repository, and looks that it is there.
  pb::Plan PlanFor(const std::string& repository, const std::string& data) {
    pb::UploadHeader header = HeaderFor("o");
    header.mutable_object()->set_repository(repository);
    const CallEnd end = Upload(*stub_, header, data);
    EXPECT_TRUE(end.status.ok()) << end.status.error_message();
    EXPECT_TRUE(emulator_->ReadObject(repository, "main", "o") == data);
    return end.result.plan();
  }

  const std::filesystem::path folder_;
  std::unique_ptr<Emulator> emulator_;
  std::unique_ptr<GatewayProcess> gateway_;
  std::unique_ptr<pb::Staging::Stub> stub_;
};

TEST_F(StoresTest, EachRepositoryGoesByThePlanOfItsStore) {
  Serve();
  const std::string large = Bytes(20 * kMiB);
  EXPECT_EQ(PlanFor("in-eu", large), pb::PLAN_MULTIPART);
  EXPECT_EQ(PlanFor("in-az", large), pb::PLAN_AZURE_BLOCKS);
  EXPECT_EQ(PlanFor("in-plain", large), pb::PLAN_THROUGH_LAKEFS);
  EXPECT_EQ(PlanFor("in-nas", large), pb::PLAN_THROUGH_LAKEFS);
  EXPECT_EQ(PlanFor("in-az", "small"), pb::PLAN_SINGLE_PUT);
  EXPECT_EQ(PlanFor("in-eu", "small"), pb::PLAN_SINGLE_PUT);
}

TEST_F(StoresTest, EachStoreHasTheWaysThatItWasGiven) {
  const EmulatorOptions options;
  Serve(absl::StrCat(
      "stores:\n  - id: plain\n    s3-endpoint: ",
      emulator_->store_endpoint("plain"),
      "\n    s3-access-key-id: ", options.store_access_key_id,
      "\n    s3-secret-access-key: ", options.store_secret_access_key,
      "\n  - id: nas\n    local-store: ", (folder_ / "nas").string(), "\n"));
  EXPECT_EQ(PlanFor("in-plain", "small"), pb::PLAN_DIRECT_S3);
  EXPECT_EQ(PlanFor("in-plain", Bytes(20 * kMiB)), pb::PLAN_DIRECT_S3);
  EXPECT_EQ(PlanFor("in-nas", Bytes(20 * kMiB)), pb::PLAN_LOCAL_FILE);
  EXPECT_EQ(PlanFor("in-eu", "small"), pb::PLAN_SINGLE_PUT);
}

TEST_F(StoresTest, ARepositoryThatIsMadeAnewElsewhereIsFoundThere) {
  Serve();
  const std::string large = Bytes(20 * kMiB);
  EXPECT_EQ(PlanFor("in-eu", large), pb::PLAN_MULTIPART);
  for (const auto& [store, plan] :
       {std::pair("az", pb::PLAN_AZURE_BLOCKS),
        std::pair("eu", pb::PLAN_MULTIPART),
        std::pair("plain", pb::PLAN_THROUGH_LAKEFS)}) {
    emulator_->DeleteRepository("in-eu");
    emulator_->CreateRepository("in-eu", store);
    pb::UploadHeader header = HeaderFor("o");
    header.mutable_object()->set_repository("in-eu");
    CallEnd end = Upload(*stub_, header, large);
    // Who cannot send again by itself is told to, and all is well then.
    EXPECT_EQ(end.reason, "LINK_CONFLICT") << end.status.error_message();
    EXPECT_THAT(end.status.error_message(), HasSubstr("has moved"));
    EXPECT_EQ(end.failure->outcome(), pb::OUTCOME_NOT_COMMITTED);
    EXPECT_EQ(PlanFor("in-eu", large), plan) << store;
  }
  EXPECT_EQ(emulator_->OpenMultipartUploads(), 0);
}

TEST_F(StoresTest, AnAddressIsHeldToTheNamespaceThatTheRepositoryHasNow) {
  Serve();
  for (const char* store : {"eu", "az"}) {
    emulator_->DeleteRepository("in-eu");
    emulator_->CreateRepository("in-eu", store);
    pb::GetPhysicalAddressRequest get;
    get.mutable_object()->set_repository("in-eu");
    get.mutable_object()->set_branch("main");
    get.mutable_object()->set_path("o");
    pb::GetPhysicalAddressResponse address;
    grpc::ClientContext asks;
    ASSERT_TRUE(stub_->GetPhysicalAddress(&asks, get, &address).ok());
    pb::LinkPhysicalAddressRequest link;
    *link.mutable_object() = get.object();
    *link.mutable_metadata()->mutable_staging() = address.location();
    link.mutable_metadata()->set_checksum("c");
    pb::LinkPhysicalAddressResponse linked;
    grpc::ClientContext links;
    const grpc::Status status =
        stub_->LinkPhysicalAddress(&links, link, &linked);
    EXPECT_TRUE(status.ok()) << store << ": " << status.error_message();
  }
}

TEST_F(StoresTest, TheLogNamesEachStoreAndWhatTheSettingsNameInVain) {
  Serve("stores:\n  - id: nowhere\n");
  EXPECT_EQ(Fetch("http://" + gateway_->admin() + "/readyz").first, 200);
  PlanFor("in-eu", "small");
  std::string log;
  for (int i = 0; i < 300 && log.find("nowhere") == log.npos; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    log = gateway_->Log();
  }
  EXPECT_THAT(log, HasSubstr("lakefs has no such store"));
  for (const char* id : {"eu", "az", "plain", "nas"}) {
    EXPECT_THAT(log, HasSubstr(absl::StrCat("\"blockstore_id\":\"", id)));
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
