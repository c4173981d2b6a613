#include "gateway/objectstore/direct_s3_store.h"

#include "tests/unit/objectstore/store_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class DirectS3StoreTest : public StoreFixture {
 protected:
  static DirectS3Options Options(const std::string& endpoint) {
    return {.endpoint = endpoint,
            .keys = {.region = "eu-west-1",
                     .access_key_id = "id",
                     .secret_access_key = kSecret}};
  }
  std::unique_ptr<PartedUpload> Begin() {
    http_.Answer(200,
                 "<InitiateMultipartUploadResult><UploadId>u/1+</UploadId>"
                 "</InitiateMultipartUploadResult>");
    auto parts = store_.BeginParts(context_, location_, 5 << 20, "");
    EXPECT_THAT(parts, IsOk());
    EXPECT_EQ(http_.requests.back().url, "http://s3/bucket/data/x?uploads=");
    EXPECT_FALSE(http_.requests.back().repeatable);
    http_.requests.clear();
    return *std::move(parts);
  }
  void ExpectSigned() {
    for (const HttpRequest& request : http_.requests) {
      EXPECT_THAT(HeaderOf(request, "Authorization"),
                  AllOf(HasSubstr("Credential=id/"), HasSubstr("/eu-west-1/")))
          << request.url;
    }
  }

  DirectS3Store store_{http_, Options("http://s3")};
  const StagingLocation location_{.physical_address = "s3://bucket/data/x"};
};

constexpr char kDone[] =
    "<CompleteMultipartUploadResult><ETag>&quot;5d-2&quot;</ETag>"
    "</CompleteMultipartUploadResult>";

TEST_F(DirectS3StoreTest, PutsSignedToBucketAndKeyByPath) {
  http_.Answer(200, "", {{"etag", "\"5d\""}});
  const auto stored =
      store_.Put(context_, {.physical_address = "s3://bucket/da ta/ä+%/x"},
                 RopeOf("hi"), "");
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "5d");
  EXPECT_EQ(http_.requests[0].url, "http://s3/bucket/da%20ta/%C3%A4%2B%25/x");
  EXPECT_EQ(http_.requests[0].body, "hi");
  ExpectSigned();
}

TEST_F(DirectS3StoreTest, WithoutAnEndpointItIsAmazonsInTheRegion) {
  DirectS3Store amazon(http_, Options(""));
  http_.Answer(200, "", {{"etag", "\"5d\""}});
  EXPECT_THAT(amazon.Put(context_, location_, RopeOf("hi"), ""), IsOk());
  EXPECT_EQ(http_.requests[0].url,
            "https://s3.eu-west-1.amazonaws.com/bucket/data/x");
}

TEST_F(DirectS3StoreTest, OtherAddressesAreRefusedAndNothingIsSent) {
  for (const char* address :
       {"", "gs://bucket/x", "s3://", "s3://bucket", "s3:///key",
        "https://acc.blob.core.windows.net/c/x", "local:///root/x"}) {
    const StagingLocation location{.physical_address = address};
    EXPECT_THAT(store_.Put(context_, location, RopeOf("x"), ""),
                HasReason(Reason::kUpstreamUnimplemented))
        << address;
    EXPECT_THAT(store_.BeginParts(context_, location, 1, ""),
                HasReason(Reason::kUpstreamUnimplemented));
  }
  EXPECT_TRUE(http_.requests.empty());
}

TEST_F(DirectS3StoreTest, APutAcknowledgedWithoutAnEtagIsNotAskedForAgain) {
  http_.Answer(200);
  EXPECT_THAT(store_.Put(context_, location_, RopeOf("x"), ""),
              HasReason(Reason::kStoreRejected));
}

TEST_F(DirectS3StoreTest, TheContentTypeGoesAlongSigned) {
  http_.Answer(200, "", {{"etag", "\"5d\""}});
  EXPECT_THAT(store_.Put(context_, location_, RopeOf("hi"), "text/html"),
              IsOk());
  http_.Answer(200, "<UploadId>u</UploadId>");
  EXPECT_THAT(store_.BeginParts(context_, location_, 1, "text/html"), IsOk());
  for (const HttpRequest& request : http_.requests) {
    EXPECT_EQ(HeaderOf(request, "Content-Type"), "text/html");
    EXPECT_THAT(HeaderOf(request, "Authorization"),
                HasSubstr("SignedHeaders=content-type;"));
  }
}

TEST_F(DirectS3StoreTest, ARefusalOfItsKeysIsNotOneOfAUrl) {
  http_.Answer(403, ErrorXml("AccessDenied"));
  const auto stored = store_.Put(context_, location_, RopeOf("x"), "");
  EXPECT_FALSE(UrlRefused(stored.status()));
  EXPECT_THAT(std::string(stored.status().message()),
              HasSubstr("the gateway's own keys lack s3:PutObject"));
}

TEST_F(DirectS3StoreTest, AStoreThatNobodyReachesNamesTheSetting) {
  http_.answers.push_back(MakeError(absl::StatusCode::kUnavailable, "refused",
                                    Reason::kUpstreamUnreachable));
  const auto stored = store_.Put(context_, location_, RopeOf("x"), "");
  EXPECT_THAT(std::string(stored.status().message()),
              HasSubstr("--s3-endpoint"));
  EXPECT_TRUE(Transient(stored.status()));
}

TEST_F(DirectS3StoreTest, RefusalsHoldNoSecret) {
  http_.Answer(403, ErrorXml("SignatureDoesNotMatch"));
  const auto stored = store_.Put(context_, location_, RopeOf("x"), "");
  EXPECT_THAT(stored, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(stored.status().ToString(), Not(HasSubstr(kSecret)));
}

TEST_F(DirectS3StoreTest, PartsGoByTheirNumberAndAreNamedInOrder) {
  const auto upload = Begin();
  for (const char* etag : {"\"e1\"", "\"e2\""}) {
    http_.Answer(200, "", {{"etag", etag}});
  }
  const StoredPart parts[] = {
      upload->PutPart(context_, 1, RopeOf("abcd")).value(),
      upload->PutPart(context_, 2, RopeOf("ef")).value()};
  EXPECT_EQ(http_.requests[1].url,
            "http://s3/bucket/data/x?partNumber=2&uploadId=u%2F1%2B");
  EXPECT_EQ(http_.requests[1].body, "ef");
  http_.Answer(200, kDone);
  const auto stored = upload->Complete(context_, parts);
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "5d-2");
  EXPECT_FALSE(http_.requests[2].repeatable);
  EXPECT_EQ(http_.requests[2].url, "http://s3/bucket/data/x?uploadId=u%2F1%2B");
  EXPECT_EQ(http_.requests[2].body,
            "<CompleteMultipartUpload>"
            "<Part><PartNumber>1</PartNumber><ETag>\"e1\"</ETag></Part>"
            "<Part><PartNumber>2</PartNumber><ETag>\"e2\"</ETag></Part>"
            "</CompleteMultipartUpload>");
  ExpectSigned();
}

TEST_F(DirectS3StoreTest, APartAcknowledgedWithoutAnEtagIsNotAskedForAgain) {
  const auto upload = Begin();
  http_.Answer(200);
  EXPECT_THAT(upload->PutPart(context_, 1, RopeOf("x")),
              HasReason(Reason::kStoreRejected));
}

TEST_F(DirectS3StoreTest, ABeginThatNamesNoUploadIsAskedAgain) {
  http_.Answer(200, "<InitiateMultipart");
  EXPECT_TRUE(
      Transient(store_.BeginParts(context_, location_, 1, "").status()));
}

TEST_F(DirectS3StoreTest, AnErrorBehindA200OfACompleteIsAnError) {
  const auto upload = Begin();
  http_.Answer(200, ErrorXml("InternalError"));
  const auto stored = upload->Complete(context_, {});
  EXPECT_TRUE(Transient(stored.status()));
  EXPECT_EQ(DetailsOf(stored.status()).metadata["storeErrorCode"],
            "InternalError");
}

TEST_F(DirectS3StoreTest, ACompleteWhoseAnswerWasLostIsFoundAsItStands) {
  const auto upload = Begin();
  http_.Answer(200, "<CompleteMul");
  EXPECT_TRUE(Transient(upload->Complete(context_, {}).status()));
  http_.Answer(404, ErrorXml("NoSuchUpload"));
  http_.Answer(206, "x", {{"etag", "\"5d-2\""}});
  const auto stored = upload->Complete(context_, {});
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "5d-2");
  EXPECT_EQ(http_.requests[2].url, "http://s3/bucket/data/x");
  EXPECT_EQ(HeaderOf(http_.requests[2], "Range"), "bytes=0-0");
  ExpectSigned();
}

TEST_F(DirectS3StoreTest, WhatStandsThereIsItOnlyWithAllItsBytes) {
  for (const bool whole : {true, false}) {
    const auto upload = Begin();
    for (const int number : {1, 2, 1}) {  // the first is sent twice
      http_.Answer(200, "", {{"etag", "\"e\""}});
      ASSERT_THAT(upload->PutPart(context_, number, RopeOf("abcd")), IsOk());
    }
    http_.Answer(503);
    EXPECT_TRUE(Transient(upload->Complete(context_, {}).status()));
    http_.Answer(404, ErrorXml("NoSuchUpload"));
    http_.Answer(206, "x",
                 {{"etag", "\"5d-2\""},
                  {"content-range", whole ? "bytes 0-0/8" : "bytes 0-0/7"}});
    EXPECT_EQ(upload->Complete(context_, {}).ok(), whole);
  }
}

TEST_F(DirectS3StoreTest, PartsThatTheStoreHasLostAreDataLoss) {
  for (const char* code : {"InvalidPart", "InvalidPartOrder"}) {
    for (const int status : {400, 200}) {
      const auto upload = Begin();
      http_.Answer(status, ErrorXml(code));
      const auto stored = upload->Complete(context_, {});
      EXPECT_THAT(stored, StatusIs(absl::StatusCode::kDataLoss)) << code;
      EXPECT_THAT(stored, HasReason(Reason::kChecksumMismatch));
    }
  }
}

TEST_F(DirectS3StoreTest, ACompleteThatNeverWorkedIsNotFoundAsItStands) {
  const auto upload = Begin();
  http_.answers.push_back(absl::UnavailableError("reset"));
  EXPECT_FALSE(upload->Complete(context_, {}).ok());
  http_.Answer(404, ErrorXml("NoSuchUpload"));
  http_.Answer(404, ErrorXml("NoSuchKey"));
  const auto stored = upload->Complete(context_, {});
  EXPECT_EQ(DetailsOf(stored.status()).metadata["storeErrorCode"],
            "NoSuchUpload");
}

TEST_F(DirectS3StoreTest, WithoutALostAnswerNoSuchUploadIsARefusal) {
  const auto upload = Begin();
  http_.Answer(404, ErrorXml("NoSuchUpload"));
  EXPECT_THAT(upload->Complete(context_, {}),
              HasReason(Reason::kStoreRejected));
  EXPECT_EQ(http_.requests.size(), 1U) << "nothing was looked at";
}

TEST_F(DirectS3StoreTest, AnAbortIsDoneAlsoWhereThereIsNothing) {
  const auto upload = Begin();
  http_.Answer(204);
  EXPECT_THAT(upload->Abort(context_), IsOk());
  EXPECT_EQ(http_.requests[0].method, HttpMethod::kDelete);
  EXPECT_EQ(http_.requests[0].url, "http://s3/bucket/data/x?uploadId=u%2F1%2B");
  http_.Answer(404, ErrorXml("NoSuchUpload"));
  EXPECT_THAT(upload->Abort(context_), IsOk());
  http_.Answer(503);
  EXPECT_TRUE(Transient(upload->Abort(context_)));
}

}  // namespace
}  // namespace lakefs::gateway::testing
