#include "gateway/objectstore/presigned_store.h"

#include <set>

#include "tests/unit/objectstore/store_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PresignedStoreTest : public StoreFixture {
 protected:
  PresignedStore store_{http_};
  const StagingLocation s3_{.physical_address = "s3://b/data/x",
                            .presigned_url = "http://s/b/x?sig=hush&a=%2F"};
  const StagingLocation azure_{
      .physical_address = "https://acc.blob.core.windows.net/c/data/x",
      .presigned_url = "http://az/c/x?sig=hush"};
};

TEST_F(PresignedStoreTest, PutsToTheUrlByteForByteWithNothingOfItsOwn) {
  http_.Answer(200, "", {{"etag", "\"5d\""}});
  const auto stored = store_.Put(context_, s3_, RopeOf("hello"));
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "5d");
  const HttpRequest& request = http_.requests[0];
  EXPECT_EQ(request.url, *s3_.presigned_url);
  EXPECT_EQ(request.method, HttpMethod::kPut);
  EXPECT_EQ(request.body, "hello");
  EXPECT_TRUE(request.headers.empty());
}

TEST_F(PresignedStoreTest, AzureIsToldTheTypeOfTheBlob) {
  http_.Answer(201, "", {{"etag", "\"0x8D\""}});
  EXPECT_THAT(store_.Put(context_, azure_, RopeOf("hello")), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "x-ms-blob-type"), "BlockBlob");
}

TEST_F(PresignedStoreTest, NothingIsSentWithoutAUrl) {
  const StagingLocation bare{.physical_address = "s3://b/x"};
  EXPECT_THAT(store_.Put(context_, bare, RopeOf("x")),
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(store_.BeginParts(context_, bare, 1),
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(PresignedStoreTest, OnlyAzureTakesPartsAtOneUrl) {
  EXPECT_THAT(store_.BeginParts(context_, s3_, 1),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(store_.BeginParts(context_, azure_, 1), IsOk());
}

TEST_F(PresignedStoreTest, ARefusalHoldsNoSecret) {
  http_.Answer(403, ErrorXml("AccessDenied"));
  const auto stored = store_.Put(context_, s3_, RopeOf("x"));
  EXPECT_TRUE(UrlRefused(stored.status()));
  EXPECT_THAT(stored.status().ToString(), Not(HasSubstr(kSecret)));
}

class AzureBlocksTest : public PresignedStoreTest {
 protected:
  AzureBlocksTest() {
    blocks_ = std::move(store_.BeginParts(context_, azure_, 4).value());
  }
  static std::string IdIn(const std::string& url) {
    return url.substr(url.find("&blockid=") + 9);
  }

  std::unique_ptr<PartedUpload> blocks_;
};

TEST_F(AzureBlocksTest, BlocksOfAnyNumberHaveIdsOfOneLength) {
  std::set<std::string> ids;
  for (const int number : {1, 10, 50'000}) {
    http_.Answer(201);  // Azure gives a block no ETag
    EXPECT_THAT(blocks_->PutPart(context_, number, RopeOf("abcd")), IsOk());
    const HttpRequest& request = http_.requests.back();
    EXPECT_THAT(request.url,
                HasSubstr(*azure_.presigned_url + "&comp=block&blockid="));
    EXPECT_EQ(request.body, "abcd");
    EXPECT_THAT(request.headers, ::testing::IsEmpty());
    ids.insert(IdIn(request.url));
  }
  EXPECT_EQ(ids.size(), 3U);
  for (const std::string& id : ids) {
    EXPECT_EQ(id.size(), ids.begin()->size()) << id;
    EXPECT_THAT(id, Not(HasSubstr("="))) << "not encoded: " << id;
  }
}

TEST_F(AzureBlocksTest, TheListNamesTheBlocksInOrder) {
  http_.Answer(201, "", {{"etag", "\"0x8D\""}, {"content-md5", "bGlzdA=="}});
  const StoredPart parts[] = {{1, ""}, {2, ""}};
  const auto stored = blocks_->Complete(context_, parts);
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "0x8D");
  EXPECT_EQ(http_.requests[0].url, *azure_.presigned_url + "&comp=blocklist");
  EXPECT_EQ(http_.requests[0].body,
            "<?xml version=\"1.0\" encoding=\"utf-8\"?><BlockList>"
            "<Latest>MDAwMDAwMDE=</Latest><Latest>MDAwMDAwMDI=</Latest>"
            "</BlockList>");
}

TEST_F(AzureBlocksTest, TheMd5OfTheListIsNotTheObjects) {
  http_.Answer(
      201, "",
      {{"etag", "\"0x8D\""}, {"content-md5", "XUFAKrxLKna5cZ2REBfFkg=="}});
  EXPECT_EQ(blocks_->Complete(context_, {})->checksum, "0x8D");
}

TEST_F(AzureBlocksTest, BlocksThatTheStoreHasLostAreDataLoss) {
  http_.Answer(400, ErrorXml("InvalidBlockList"));
  const auto stored = blocks_->Complete(context_, {});
  EXPECT_THAT(stored, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(stored, HasReason(Reason::kChecksumMismatch));
}

TEST_F(AzureBlocksTest, AListAcknowledgedWithoutAnEtagIsSentAgain) {
  http_.Answer(201);
  EXPECT_TRUE(Transient(blocks_->Complete(context_, {}).status()));
}

TEST_F(AzureBlocksTest, AnAbortSendsNothing) {
  EXPECT_THAT(blocks_->Abort(context_), IsOk());
  EXPECT_TRUE(http_.requests.empty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
