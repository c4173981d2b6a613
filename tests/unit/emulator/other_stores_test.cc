// The stores that are not like S3.
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/emulator/digest.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

EmulatorOptions With(StoreKind store) {
  EmulatorOptions options;
  options.store = store;
  return options;
}

class AzureTest : public EmulatorFixture {
 protected:
  AzureTest() : EmulatorFixture(With(StoreKind::kAzure)) {
    staging_ = client_->Mint("a", /*presign=*/true);
    url_ = staging_["presigned_url"];
  }

  Answer PutBlock(const std::string& id, const std::string& bytes) {
    return ApiClient::Send("PUT", url_ + "&comp=block&blockid=" + id, bytes);
  }

  Answer PutList(const std::string& blocks, ApiClient::Headers headers = {}) {
    return ApiClient::Send("PUT", url_ + "&comp=blocklist", Xml(blocks),
                           headers);
  }

  static std::string Xml(const std::string& blocks) {
    return "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>" + blocks +
           "</BlockList>";
  }

  std::string Linked() {
    client_->Link("a", staging_);
    return emulator_.ReadObject("repo", "main", "a").value_or("nothing");
  }

  nlohmann::json staging_;
  std::string url_;
};

const ApiClient::Headers kBlockBlob = {{"x-ms-blob-type", "BlockBlob"}};

TEST_F(AzureTest, AddressIsFullAndUrlKeepsItsComma) {
  EXPECT_THAT(staging_["physical_address"].get<std::string>(),
              StartsWith("https://devstoreaccount1.blob.core.windows.net/"));
  EXPECT_THAT(url_, HasSubstr(","));
  EXPECT_THAT(url_, HasSubstr("&sp=raw&"));
  nlohmann::json config =
      client_->Call("GET", "config").Json()["storage_config"];
  EXPECT_EQ(config["blockstore_type"], "azure");
  EXPECT_EQ(config["pre_sign_support"], true);
  EXPECT_EQ(config["pre_sign_multipart_upload"], false);
}

TEST_F(AzureTest, PutBlobNeedsItsType) {
  Answer bare = ApiClient::Send("PUT", url_, "hello");
  EXPECT_EQ(bare.status, 400);
  EXPECT_EQ(bare.body, "");
  Answer put = ApiClient::Send("PUT", url_, "hello", kBlockBlob);
  EXPECT_EQ(put.status, 201);
  EXPECT_THAT(put.headers["etag"], StartsWith("\"0x"));
  EXPECT_EQ(put.headers["content-md5"], absl::Base64Escape(Md5("hello")));
  EXPECT_EQ(Linked(), "hello");
}

TEST_F(AzureTest, BlocksAreInvisibleUntilListedInAnyOrder) {
  EXPECT_EQ(PutBlock("MDAwMDAx", "world").status, 201);
  EXPECT_EQ(PutBlock("MDAwMDAw", "wrong").status, 201);
  EXPECT_EQ(PutBlock("MDAwMDAw", "hello ").status, 201);
  EXPECT_EQ(ApiClient::Send("GET", url_, "").status, 404);
  EXPECT_THAT(
      ApiClient::Send("GET", url_ + "&comp=blocklist&blocklisttype=all", "")
          .body,
      HasSubstr("<Name>MDAwMDAw</Name><Size>6</Size>"));
  const std::string blocks =
      "<Latest>MDAwMDAw</Latest><Latest>MDAwMDAx</Latest>";
  Answer listed = PutList(blocks);
  EXPECT_EQ(listed.status, 201);
  EXPECT_EQ(listed.headers["content-md5"],
            absl::Base64Escape(Md5(Xml(blocks))));
  EXPECT_EQ(Linked(), "hello world");
  EXPECT_EQ(PutList(blocks).status, 201);
  Answer uncommitted = PutList("<Uncommitted>MDAwMDAw</Uncommitted>");
  EXPECT_EQ(uncommitted.status, 400);
  EXPECT_EQ(uncommitted.headers["x-ms-error-code"], "InvalidBlockList");
  EXPECT_EQ(Linked(), "hello world");
}

TEST_F(AzureTest, BlockIdsAreBase64OfEqualLength) {
  EXPECT_EQ(PutBlock("MDAwMDAx", "a").status, 201);
  EXPECT_EQ(PutBlock("MDAwMDAwMDAx", "b").headers["x-ms-error-code"],
            "InvalidBlobOrBlock");
  EXPECT_EQ(PutBlock("++++++++", "b").headers["x-ms-error-code"],
            "InvalidQueryParameterValue");
  EXPECT_EQ(PutBlock("%2B%2B%2B%2B%2B%2B%2B%2B", "b").status, 201);
}

TEST_F(AzureTest, WrongMd5OrSignatureKeepsNothing) {
  ApiClient::Headers headers = kBlockBlob;
  headers["Content-MD5"] = absl::Base64Escape(Md5("other"));
  EXPECT_EQ(ApiClient::Send("PUT", url_, "hello", headers).status, 400);
  EXPECT_EQ(
      ApiClient::Send("PUT", absl::StrReplaceAll(url_, {{"sp=raw", "sp=rawd"}}),
                      "hello", kBlockBlob)
          .status,
      403);
  EXPECT_EQ(ApiClient::Send("DELETE", url_, "").status, 403);
  EXPECT_EQ(Linked(), "nothing");
}

TEST(GcsTest, PutTellsItsHashesAndTakesNoParts) {
  Emulator emulator(With(StoreKind::kGcs));
  emulator.CreateRepository("repo");
  ASSERT_TRUE(emulator.Start().ok());
  ApiClient client(emulator);
  nlohmann::json staging = client.Mint("a", /*presign=*/true);
  const std::string url = staging["presigned_url"];
  EXPECT_THAT(staging["physical_address"].get<std::string>(),
              StartsWith("gs://lake/repo/data/"));
  Answer put = ApiClient::Send("PUT", url, "123456789");
  EXPECT_EQ(put.status, 200);
  // CRC-32C's own check value: 0xe3069283.
  EXPECT_THAT(put.headers["x-goog-hash"], HasSubstr("crc32c=4waSgw=="));
  EXPECT_EQ(client.Link("a", staging, {}, "main", {{"size_bytes", 9}}).status,
            200);
  EXPECT_EQ(emulator.ReadObject("repo", "main", "a"), "123456789");
  EXPECT_EQ(ApiClient::Send("GET", url, "").status, 403);
  EXPECT_EQ(client
                .CallJson("POST", "branches/main/staging/pmpu", {{"path", "m"}},
                          nullptr)
                .Message(),
            "presign multipart upload API is not supported");
}

TEST(LocalTest, CannotPresignButReadsFilesAtItsAddresses) {
  Emulator emulator(With(StoreKind::kLocal));
  emulator.CreateRepository("repo");
  ASSERT_TRUE(emulator.Start().ok());
  EXPECT_EQ(emulator.store_endpoint(), "");
  ApiClient client(emulator);
  Answer presigned =
      client.Call("GET", "repositories/repo/branches/main/staging/backing",
                  {{"path", "a"}, {"presign", "true"}});
  EXPECT_EQ(presigned.status, 500);
  EXPECT_EQ(presigned.Message(),
            "local adapter presigned URL: operation not supported");
  // An upload through lakeFS makes the folder.
  client.Call("POST", "repositories/repo/branches/main/objects",
              {{"path", "up"}}, "through",
              {{"Content-Type", "application/octet-stream"}});
  EXPECT_EQ(emulator.ReadObject("repo", "main", "up"), "through");
  nlohmann::json staging = client.Mint("a");
  std::string address = staging["physical_address"];
  ASSERT_THAT(address, StartsWith("local:///"));
  std::ofstream(address.substr(8)) << "hello";
  EXPECT_EQ(client.Link("a", staging).status, 200);
  EXPECT_EQ(emulator.ReadObject("repo", "main", "a"), "hello");
}

// Seen of v0.101.0: it looks for what it gave out by the part behind the
// namespace, which the folder in front hides.
TEST(LocalTest, V0_101LinksItsAddressesOnlyWithoutTheFolder) {
  EmulatorOptions options = With(StoreKind::kLocal);
  options.dialect = Dialect::kV0_101;
  Emulator emulator(options);
  emulator.CreateRepository("repo");
  ASSERT_TRUE(emulator.Start().ok());
  ApiClient client(emulator);
  nlohmann::json staging = client.Mint("a");
  const Answer refused = client.Link("a", staging);
  EXPECT_EQ(refused.status, 400);
  EXPECT_EQ(refused.Message(), "bad address token (expired or invalid)");
  staging = client.Mint("a");
  const std::string address = staging["physical_address"];
  staging["physical_address"] =
      absl::StrCat("local://", address.substr(address.find("repo/data/")));
  EXPECT_EQ(client.Link("a", staging).status, 200);
}

}  // namespace
}  // namespace lakefs::gateway::testing
