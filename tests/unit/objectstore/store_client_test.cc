#include "gateway/objectstore/store_client.h"

#include "absl/strings/escaping.h"
#include "tests/unit/objectstore/store_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kMd5OfHello[] = "5d41402abc4b2a76b9719d911017c592";
constexpr char kMd5OfHelloBase64[] = "XUFAKrxLKna5cZ2REBfFkg==";
constexpr char kCrcOfHelloGoogle[] = "crc32c=mnG7TA==,md5=ignored";

class StoreClientTest : public StoreFixture {
 protected:
  auto Put(StoreClient& client, const std::string& text = "hello") {
    return client.Put(context_,
                      {.operation = "storePut", .url = "http://s/k?sig=hush"},
                      RopeOf(text));
  }
};

TEST_F(StoreClientTest, SendsTheBytesWithNothingOfItsOwn) {
  StoreClient client(http_, {});
  http_.Answer(200, "", {{"etag", "\"e\""}});
  EXPECT_THAT(Put(client), IsOk());
  EXPECT_EQ(http_.requests[0].body, "hello");
  EXPECT_TRUE(http_.requests[0].headers.empty());
}

TEST_F(StoreClientTest, APutOfManyBytesLastsAsLongAsTheyMove) {
  StoreClient client(http_,
                     {.timeout = seconds(7), .stall_timeout = seconds(9)});
  http_.Answer(200);
  http_.Answer(200);
  EXPECT_THAT(Put(client), IsOk());
  EXPECT_THAT(Put(client, std::string(1 << 20, 'x')), IsOk());
  EXPECT_EQ(http_.requests[0].timeout, seconds(7)) << "they are gone at once";
  EXPECT_EQ(http_.requests[1].timeout, seconds(0));
  EXPECT_EQ(http_.requests[1].stall_timeout, seconds(9));
}

TEST_F(StoreClientTest, AHostThatNobodyReachesIsSaidToBeThePresignedOne) {
  StoreClient client(http_, {});
  http_.answers.push_back(MakeError(absl::StatusCode::kUnavailable, "refused",
                                    Reason::kUpstreamUnreachable));
  const auto unreachable = Put(client);
  EXPECT_TRUE(Transient(unreachable.status()));
  EXPECT_THAT(std::string(unreachable.status().message()),
              HasSubstr("--presign=off"));
  http_.answers.push_back(MakeError(absl::StatusCode::kUnavailable, "reset",
                                    Reason::kUpstreamConnectionLost));
  EXPECT_THAT(std::string(Put(client).status().message()),
              Not(HasSubstr("--presign=off")));
}

TEST_F(StoreClientTest, PuttingPartsTogetherMayLastForMinutes) {
  StoreClient client(http_, {.complete_timeout = seconds(77)});
  http_.Answer(200);
  EXPECT_THAT(client.Complete(context_, {.body = "list"}), IsOk());
  EXPECT_EQ(http_.requests[0].timeout, seconds(77));
}

TEST_F(StoreClientTest, ContentMd5GoesAlongWhereItIsAskedFor) {
  StoreClient client(http_, {.content_md5 = true});
  http_.Answer(200, "", {{"etag", absl::StrCat("\"", kMd5OfHello, "\"")}});
  EXPECT_THAT(Put(client), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "Content-MD5"), kMd5OfHelloBase64);
}

TEST_F(StoreClientTest, GooglesCrc32cIsHeldAgainstTheBytes) {
  StoreClient client(http_, {});
  http_.Answer(200, "", {{"x-goog-hash", kCrcOfHelloGoogle}});
  EXPECT_THAT(Put(client), IsOk());
  http_.Answer(200, "", {{"x-goog-hash", kCrcOfHelloGoogle}});
  const auto other = Put(client, "hellO");
  EXPECT_THAT(other, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(other, HasReason(Reason::kChecksumMismatch));
}

TEST_F(StoreClientTest, AnEtagIsBelievedToBeAnMd5OnceOneWas) {
  StoreClient client(http_, {.content_md5 = true});
  const std::string other(32, 'a');
  http_.Answer(200, "", {{"etag", other}});
  EXPECT_THAT(Put(client), IsOk()) << "stores that encrypt have others";
  http_.Answer(200, "", {{"etag", kMd5OfHello}});
  EXPECT_THAT(Put(client), IsOk());
  http_.Answer(200, "", {{"etag", other}});
  EXPECT_THAT(Put(client), HasReason(Reason::kChecksumMismatch));
  http_.Answer(200, "", {{"etag", other + "-2"}});
  EXPECT_THAT(Put(client), IsOk()) << "no MD5 has that form";
}

TEST_F(StoreClientTest, WhatEtagsAreInOneBucketSaysNothingOfAnother) {
  StoreClient client(http_, {.content_md5 = true});
  const auto put = [&](const char* url) {
    return client.Put(context_, {.operation = "storePut", .url = url},
                      RopeOf("hello"));
  };
  const std::string other(32, 'a');
  http_.Answer(200, "", {{"etag", kMd5OfHello}});
  EXPECT_THAT(put("https://s/plain/data/x?sig=1"), IsOk());
  http_.Answer(200, "", {{"etag", other}});
  EXPECT_THAT(put("https://s/encrypted/data/x?sig=1"), IsOk());
  http_.Answer(200, "", {{"etag", other}});
  EXPECT_THAT(put("https://encrypted.s/plain/data/x"), IsOk());
  http_.Answer(200, "", {{"etag", other}});
  EXPECT_THAT(put("https://s/plain/data/y?sig=2"),
              HasReason(Reason::kChecksumMismatch));
}

TEST_F(StoreClientTest, EtagsOfWhatACustomersKeyEncryptsAreNoMd5s) {
  StoreClient client(http_, {.content_md5 = true});
  http_.Answer(200, "", {{"etag", kMd5OfHello}});
  EXPECT_THAT(Put(client), IsOk());
  for (const HttpHeader& header :
       {HttpHeader{"x-amz-server-side-encryption", "aws:kms"},
        HttpHeader{"x-amz-server-side-encryption", "aws:kms:dsse"},
        HttpHeader{"x-amz-server-side-encryption-customer-algorithm",
                   "AES256"}}) {
    http_.Answer(200, "", {{"etag", std::string(32, 'a')}, header});
    EXPECT_THAT(Put(client), IsOk()) << header.name;
  }
}

TEST_F(StoreClientTest, AnMd5ThatIsKnownGoesAlongWithoutBeingAskedFor) {
  StoreClient client(http_, {});
  Rope bytes = RopeOf("hello");
  bytes.set_md5(absl::HexStringToBytes(kMd5OfHello));
  const auto put = [&] {
    return client.Put(context_, {.operation = "storePut", .url = "http://s/k"},
                      bytes);
  };
  http_.Answer(200, "", {{"etag", kMd5OfHello}});
  EXPECT_THAT(put(), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "Content-MD5"), kMd5OfHelloBase64);
  http_.Answer(200, "", {{"etag", std::string(32, 'a')}});
  EXPECT_THAT(put(), HasReason(Reason::kChecksumMismatch));
}

TEST_F(StoreClientTest, OnlyBytesThatAreAtHandMayNotStall) {
  StoreClient client(http_, {.stall_timeout = seconds(9)});
  http_.Answer(200);
  http_.Answer(200);
  EXPECT_THAT(Put(client), IsOk());
  EXPECT_THAT(client.Send(context_, {.operation = "storePutBlockList"}),
              IsOk());
  EXPECT_EQ(http_.requests[0].stall_timeout, seconds(9));
  EXPECT_EQ(http_.requests[1].stall_timeout, seconds(0));
}

TEST_F(StoreClientTest, WithoutContentMd5NoEtagIsAnMd5) {
  StoreClient client(http_, {});
  http_.Answer(200, "", {{"etag", kMd5OfHello}});
  http_.Answer(200, "", {{"etag", std::string(32, 'a')}});
  EXPECT_THAT(Put(client), IsOk());
  EXPECT_THAT(Put(client), IsOk());
}

TEST_F(StoreClientTest, WhatTheStoreRefusesIsSaidWithItsCodeAndNoSecret) {
  StoreClient client(http_, {});
  http_.Answer(403, ErrorXml("AccessDenied"));
  const auto denied = Put(client);
  EXPECT_TRUE(UrlRefused(denied.status()));
  EXPECT_THAT(denied, HasReason(Reason::kStoreRejected));
  EXPECT_EQ(DetailsOf(denied.status()).metadata["storeErrorCode"],
            "AccessDenied");
  EXPECT_EQ(DetailsOf(denied.status()).metadata["upstreamHttpStatus"], "403");
  EXPECT_THAT(denied.status().ToString(), Not(HasSubstr(kSecret)));
  http_.Answer(404, "", {{"x-ms-error-code", "ContainerNotFound"}});
  const auto missing = Put(client);
  EXPECT_THAT(missing, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_FALSE(UrlRefused(missing.status()));
  EXPECT_EQ(DetailsOf(missing.status()).metadata["storeErrorCode"],
            "ContainerNotFound");
}

TEST_F(StoreClientTest, AStoreThatAsksToBeLeftAloneIsHeard) {
  StoreClient client(http_, {});
  http_.Answer(503, ErrorXml("SlowDown"), {{"retry-after", "7"}});
  EXPECT_EQ(DetailsOf(Put(client).status()).retry_after, seconds(7));
  http_.Answer(503, ErrorXml("SlowDown"));
  EXPECT_EQ(DetailsOf(Put(client).status()).retry_after, std::nullopt);
}

TEST_F(StoreClientTest, WhatMayPassIsTransient) {
  StoreClient client(http_, {});
  for (const int status : {408, 429, 500, 503}) {
    http_.Answer(status);
    EXPECT_TRUE(Transient(Put(client).status())) << status;
  }
  for (const char* code : {"BadDigest", "InvalidDigest", "Md5Mismatch",
                           "RequestTimeout", "IncompleteBody"}) {
    http_.Answer(400, ErrorXml(code));
    EXPECT_TRUE(Transient(Put(client).status())) << code;
  }
  for (const int status : {301, 400, 403, 404, 412}) {
    http_.Answer(status);
    EXPECT_FALSE(Transient(Put(client).status())) << status;
  }
}

TEST_F(StoreClientTest, AcknowledgedTakesTheMd5ForTheChecksumElseTheEtag) {
  HttpResponse response{.status = 200, .headers = {{"etag", " W/\"0x8D\" "}}};
  EXPECT_EQ(Acknowledged(response)->checksum, "0x8D");
  EXPECT_EQ(Acknowledged(response)->etag, "0x8D");
  response.headers.push_back({"content-md5", kMd5OfHelloBase64});
  EXPECT_EQ(Acknowledged(response)->checksum, kMd5OfHello);
  EXPECT_EQ(Acknowledged(response)->etag, "0x8D");
  response.headers[1].value = "c2hvcnQ=";
  EXPECT_EQ(Acknowledged(response)->checksum, "0x8D");
}

TEST_F(StoreClientTest, AnAcknowledgementWithoutAnEtagIsToldForWhatItIs) {
  for (const std::vector<HttpHeader>& headers :
       {std::vector<HttpHeader>{}, std::vector<HttpHeader>{{"etag", "\"\""}}}) {
    const auto stored = Acknowledged({.status = 200, .headers = headers});
    EXPECT_FALSE(Transient(stored.status()));
    EXPECT_THAT(stored, StatusIs(absl::StatusCode::kFailedPrecondition));
    EXPECT_THAT(std::string(stored.status().message()),
                HasSubstr("without an ETag"));
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
