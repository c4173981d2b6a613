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
  const auto stored = store_.Put(context_, s3_, RopeOf("hello"), "");
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
  EXPECT_THAT(store_.Put(context_, azure_, RopeOf("hello"), ""), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "x-ms-blob-type"), "BlockBlob");
}

TEST_F(PresignedStoreTest, TheTypeOfTheContentGoesWhereTheUrlLeavesItOpen) {
  struct Case {
    const char* address;
    const char* url;
    const char* header;
    const char* value;
  };
  const Case cases[] = {
      {"s3://b/x", "http://s/x?X-Amz-SignedHeaders=host&X-Amz-Signature=1",
       "Content-Type", "text/html"},
      {"s3://b/x", "http://s/x?X-Amz-SignedHeaders=content-type%3Bhost&a=1",
       "Content-Type", ""},
      {"s3://b/x", "http://s/x?AWSAccessKeyId=a&Signature=1&Expires=2",
       "Content-Type", ""},
      {"gs://b/x", "http://g/x?X-Goog-SignedHeaders=host", "Content-Type",
       "text/html"},
      {"gs://b/x", "http://g/x?GoogleAccessId=a&Signature=1", "Content-Type",
       ""},
      {"https://a.blob.core.windows.net/c/x", "http://az/c/x?sig=1",
       "x-ms-blob-content-type", "text/html"}};
  for (const Case& c : cases) {
    http_.Answer(200, "", {{"etag", "\"5d\""}});
    EXPECT_THAT(
        store_.Put(context_,
                   {.physical_address = c.address, .presigned_url = c.url},
                   RopeOf("x"), "text/html"),
        IsOk());
    EXPECT_EQ(HeaderOf(http_.requests.back(), c.header), c.value) << c.url;
  }
}

TEST_F(PresignedStoreTest, NothingIsSentWithoutAUrl) {
  const StagingLocation bare{.physical_address = "s3://b/x"};
  EXPECT_THAT(store_.Put(context_, bare, RopeOf("x"), ""),
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_THAT(store_.BeginParts(context_, bare, 1, ""),
              HasReason(Reason::kUpstreamUnimplemented));
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(PresignedStoreTest, OnlyAzureTakesPartsAtOneUrl) {
  EXPECT_THAT(store_.BeginParts(context_, s3_, 1, ""),
              StatusIs(absl::StatusCode::kUnimplemented));
  EXPECT_THAT(store_.BeginParts(context_, azure_, 1, ""), IsOk());
}

TEST_F(PresignedStoreTest, ARefusalHoldsNoSecret) {
  http_.Answer(403, ErrorXml("AccessDenied"));
  const auto stored = store_.Put(context_, s3_, RopeOf("x"), "");
  EXPECT_TRUE(UrlRefused(stored.status()));
  EXPECT_THAT(stored.status().ToString(), Not(HasSubstr(kSecret)));
}

class AzureBlocksTest : public PresignedStoreTest {
 protected:
  AzureBlocksTest() {
    blocks_ = std::move(store_.BeginParts(context_, azure_, 4, "").value());
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

TEST_F(AzureBlocksTest, AListAcknowledgedWithoutAnEtagIsNotSentAgain) {
  http_.Answer(201);
  EXPECT_THAT(blocks_->Complete(context_, {}),
              HasReason(Reason::kStoreRejected));
}

TEST_F(AzureBlocksTest, TheListTellsTheTypeOfTheContent) {
  const auto typed =
      store_.BeginParts(context_, azure_, 4, "text/html").value();
  http_.Answer(201, "", {{"etag", "\"0x8D\""}});
  EXPECT_THAT(typed->Complete(context_, {}), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "x-ms-blob-content-type"), "text/html");
}

TEST_F(AzureBlocksTest, AnAbortSendsNothing) {
  EXPECT_THAT(blocks_->Abort(context_), IsOk());
  EXPECT_TRUE(http_.requests.empty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
