// S3 reached with the store's own keys, without lakeFS in between.
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/emulator/digest.h"
#include "tests/emulator/sigv4.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;

constexpr char kUnsigned[] = "UNSIGNED-PAYLOAD";
constexpr size_t kFiveMiB = 5 << 20;

// Source: the example "GET Object" in "Authenticating Requests: Using the
// Authorization Header" of the S3 API, which another signer made.
TEST(SigV4HeaderTest, KnowsASignatureOfAnotherSigner) {
  SigV4 signer("AKIAIOSFODNN7EXAMPLE",
               "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  HttpRequest request;
  request.method = "GET";
  request.path = "/test.txt";
  request.headers = {
      {"host", "examplebucket.s3.amazonaws.com"},
      {"range", "bytes=0-9"},
      {"x-amz-content-sha256", Hex(Sha256(""))},
      {"x-amz-date", "20130524T000000Z"},
      {"authorization",
       "AWS4-HMAC-SHA256 "
       "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
       "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
       "Signature="
       "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"}};
  std::chrono::system_clock::time_point then{
      std::chrono::seconds(1'369'353'600)};
  EXPECT_EQ(signer.Verify(request, then), SigV4::Verdict::kGood);
  EXPECT_EQ(signer.Verify(request, then + std::chrono::minutes(15)),
            SigV4::Verdict::kGood);
  EXPECT_EQ(signer.Verify(request, then + std::chrono::minutes(16)),
            SigV4::Verdict::kSkewed);
  EXPECT_EQ(signer.Verify(request, then - std::chrono::minutes(16)),
            SigV4::Verdict::kSkewed);
  request.headers["range"] = "bytes=0-8";
  EXPECT_EQ(signer.Verify(request, then), SigV4::Verdict::kMismatch);
}

// A request that is signed as a header's names are given, and may be changed
// before it is checked.
class SigV4StrictTest : public ::testing::Test {
 protected:
  SigV4StrictTest() {
    request_.method = "PUT";
    request_.path = "/lake/a%2Cb";
    request_.headers = {{"host", "127.0.0.1:9000"},
                        {"x-amz-content-sha256", kUnsigned},
                        {"x-amz-date", "20130524T000000Z"}};
  }

  SigV4::Verdict Check(const std::string& names) {
    request_.headers["authorization"] = signer_.Authorization(request_, names);
    return Verify();
  }

  SigV4::Verdict Verify() { return signer_.Verify(request_, kThen); }

  static constexpr std::chrono::system_clock::time_point kThen{
      std::chrono::seconds(1'369'353'600)};
  static constexpr char kAll[] = "host;x-amz-content-sha256;x-amz-date";
  const SigV4 signer_{"id", "secret"};
  HttpRequest request_;
};

TEST_F(SigV4StrictTest, WhatIsNamedMustBeSent) {
  EXPECT_EQ(Check(kAll), SigV4::Verdict::kGood);
  EXPECT_EQ(Check("content-type;host;x-amz-content-sha256;x-amz-date"),
            SigV4::Verdict::kNamedOnly);
  EXPECT_EQ(Check("expect;host;x-amz-content-sha256;x-amz-date"),
            SigV4::Verdict::kNamedOnly);
}

TEST_F(SigV4StrictTest, HostTypeAndAmazonsHeadersMustBeNamedIfSent) {
  EXPECT_EQ(Check("x-amz-content-sha256;x-amz-date"),
            SigV4::Verdict::kSentOnly);
  EXPECT_EQ(Check("host;x-amz-date"), SigV4::Verdict::kSentOnly);
  request_.headers["content-type"] = "text/csv";
  EXPECT_EQ(Check(kAll), SigV4::Verdict::kSentOnly);
  EXPECT_EQ(Check("content-type;host;x-amz-content-sha256;x-amz-date"),
            SigV4::Verdict::kGood);
  request_.headers.erase("content-type");
  request_.headers["x-amz-acl"] = "private";
  EXPECT_EQ(Check(kAll), SigV4::Verdict::kSentOnly);
  request_.headers.erase("x-amz-acl");
  request_.headers["range"] = "bytes=0-1";
  EXPECT_EQ(Check(kAll), SigV4::Verdict::kGood);
}

TEST_F(SigV4StrictTest, NamesAreInOrder) {
  EXPECT_EQ(Check("x-amz-content-sha256;x-amz-date;host"),
            SigV4::Verdict::kMismatch);
}

TEST_F(SigV4StrictTest, BlanksInAValueCountAsOne) {
  request_.headers["x-amz-meta-a"] = "b   c";
  EXPECT_EQ(Check("host;x-amz-content-sha256;x-amz-date;x-amz-meta-a"),
            SigV4::Verdict::kGood);
  request_.headers["x-amz-meta-a"] = "b c";
  EXPECT_EQ(Verify(), SigV4::Verdict::kGood);
  request_.headers["x-amz-meta-a"] = "bc";
  EXPECT_EQ(Verify(), SigV4::Verdict::kMismatch);
}

TEST_F(SigV4StrictTest, APathCountsAsItIsMeant) {
  EXPECT_EQ(Check(kAll), SigV4::Verdict::kGood);
  request_.path = "/lake/a,b";
  EXPECT_EQ(Verify(), SigV4::Verdict::kGood);
  request_.path = "/lake/a%252Cb";
  EXPECT_EQ(Verify(), SigV4::Verdict::kMismatch);
}

TEST_F(SigV4StrictTest, ThePayloadMustBeSpokenOf) {
  request_.headers.erase("x-amz-content-sha256");
  EXPECT_EQ(Check("host;x-amz-date"), SigV4::Verdict::kNoPayload);
}

class DirectS3Test : public EmulatorFixture {
 protected:
  // Sends a signed request for `path_`; `query` as in a URL.
  Answer Send(const std::string& method, const std::string& query,
              const std::string& body, const std::string& payload = kUnsigned) {
    std::string host = emulator_.store_endpoint().substr(7);
    HttpRequest request;
    request.method = method;
    request.path = path_;
    if (!query.empty()) {
      for (absl::string_view pair : absl::StrSplit(query, '&')) {
        request.query.insert(absl::StrSplit(pair, absl::MaxSplits('=', 1)));
      }
    }
    request.headers = {
        {"content-type", "text/plain"},
        {"host", host},
        {"x-amz-content-sha256", payload},
        {"x-amz-date",
         absl::FormatTime("%Y%m%dT%H%M%SZ", absl::Now(), absl::UTCTimeZone())}};
    ApiClient::Headers headers = request.headers;
    headers["Authorization"] = signer_.Authorization(
        request, "content-type;host;x-amz-content-sha256;x-amz-date");
    return ApiClient::Send(
        method,
        absl::StrCat(emulator_.store_endpoint(), request.path,
                     query.empty() ? "" : "?", query),
        body, headers);
  }

  std::string CreateUpload() {
    std::string xml = Send("POST", "uploads=", "").body;
    size_t begin = xml.find("<UploadId>") + 10;
    return xml.substr(begin, xml.find("</UploadId>") - begin);
  }

  static std::string Xml(int number, const std::string& etag) {
    return absl::StrCat("<Part><PartNumber>", number, "</PartNumber><ETag>",
                        etag, "</ETag></Part>");
  }

  Answer Complete(const std::string& id, const std::string& parts) {
    return Send("POST", "uploadId=" + id,
                absl::StrCat("<CompleteMultipartUpload>", parts,
                             "</CompleteMultipartUpload>"));
  }

  std::string path_ = "/lake/repo/data/direct";
  const SigV4 signer_{EmulatorOptions().store_access_key_id,
                      EmulatorOptions().store_secret_access_key};
};

TEST_F(DirectS3Test, PutsGetsAndDeletesAnObject) {
  Answer put = Send("PUT", "", "hello");
  EXPECT_EQ(put.status, 200) << put.body;
  EXPECT_EQ(put.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(Send("GET", "", "").body, "hello");
  EXPECT_EQ(Send("DELETE", "", "").status, 204);
  EXPECT_EQ(Send("GET", "", "").status, 404);
}

TEST_F(DirectS3Test, ChecksASignedPayload) {
  EXPECT_EQ(Send("PUT", "", "hello", Hex(Sha256("hello"))).status, 200);
  Answer wrong = Send("PUT", "", "hello", Hex(Sha256("other")));
  EXPECT_EQ(wrong.status, 403);
  EXPECT_THAT(wrong.body, HasSubstr("<Code>SignatureDoesNotMatch</Code>"));
}

TEST_F(DirectS3Test, RefusesWithoutASignature) {
  Answer bare = ApiClient::Send(
      "PUT", emulator_.store_endpoint() + "/lake/repo/data/direct", "x");
  EXPECT_EQ(bare.status, 403);
  EXPECT_THAT(bare.body, HasSubstr("<Code>AccessDenied</Code>"));
}

// What a client that signs headers it does not send, or the other way round, is
// told.
TEST_F(DirectS3Test, SaysWhichWayTheSignedHeadersAreWrong) {
  HttpRequest request;
  request.method = "PUT";
  request.path = path_;
  request.headers = {
      {"host", emulator_.store_endpoint().substr(7)},
      {"x-amz-content-sha256", kUnsigned},
      {"x-amz-date",
       absl::FormatTime("%Y%m%dT%H%M%SZ", absl::Now(), absl::UTCTimeZone())}};
  const std::string url = emulator_.store_endpoint() + path_;
  ApiClient::Headers headers = request.headers;
  headers["Authorization"] = signer_.Authorization(
      request, "content-type;expect;host;x-amz-content-sha256;x-amz-date");
  Answer named = ApiClient::Send("PUT", url, "x", headers);
  EXPECT_EQ(named.status, 400);
  headers["Authorization"] = signer_.Authorization(request);
  headers["Content-Type"] = "text/csv";
  Answer sent = ApiClient::Send("PUT", url, "x", headers);
  EXPECT_EQ(sent.status, 403);
  for (const Answer& answer : {named, sent}) {
    EXPECT_THAT(answer.body, HasSubstr("<Code>AccessDenied</Code>"));
    EXPECT_THAT(answer.body, HasSubstr("There were headers present in the "
                                       "request which were not signed"));
  }
}

TEST_F(DirectS3Test, PutsAnObjectTogetherFromParts) {
  std::string id = CreateUpload();
  EXPECT_EQ(emulator_.OpenMultipartUploads(), 1);
  const std::string first(kFiveMiB, 'a');
  Answer one = Send("PUT", "partNumber=1&uploadId=" + id, first);
  Answer two = Send("PUT", "partNumber=2&uploadId=" + id, "tail");
  Answer completed =
      Complete(id, Xml(1, one.headers["etag"]) +
                       Xml(2, "&quot;" + Hex(Md5("tail")) + "&quot;"));
  EXPECT_EQ(completed.status, 200) << completed.body;
  EXPECT_EQ(two.headers["etag"], "\"" + Hex(Md5("tail")) + "\"");
  EXPECT_THAT(completed.body,
              HasSubstr(absl::StrCat(
                  "<ETag>&#34;", Hex(Md5(Md5(first) + Md5("tail"))), "-2")));
  EXPECT_EQ(Send("GET", "", "").body, first + "tail");
  EXPECT_EQ(emulator_.OpenMultipartUploads(), 0);
  Answer again = Complete(id, Xml(1, one.headers["etag"]));
  EXPECT_EQ(again.status, 404);
  EXPECT_THAT(again.body, HasSubstr("<Code>NoSuchUpload</Code>"));
}

TEST_F(DirectS3Test, RefusesPartsByItsRules) {
  std::string id = CreateUpload();
  std::string one =
      Send("PUT", "partNumber=1&uploadId=" + id, "small").headers["etag"];
  std::string two =
      Send("PUT", "partNumber=2&uploadId=" + id, "tail").headers["etag"];
  EXPECT_THAT(Complete(id, Xml(1, one) + Xml(2, two)).body,
              HasSubstr("<Code>EntityTooSmall</Code>"));
  EXPECT_THAT(Complete(id, Xml(2, two) + Xml(1, one)).body,
              HasSubstr("<Code>InvalidPartOrder</Code>"));
  EXPECT_THAT(Complete(id, Xml(1, two)).body,
              HasSubstr("<Code>InvalidPart</Code>"));
  EXPECT_THAT(Complete(id, "").body, HasSubstr("<Code>MalformedXML</Code>"));
  EXPECT_THAT(Send("PUT", "partNumber=10001&uploadId=" + id, "x").body,
              HasSubstr("<Code>InvalidArgument</Code>"));
  EXPECT_EQ(Send("DELETE", "uploadId=" + id, "").status, 204);
  EXPECT_EQ(emulator_.OpenMultipartUploads(), 0);
  EXPECT_THAT(Send("DELETE", "uploadId=" + id, "").body,
              HasSubstr("<Code>NoSuchUpload</Code>"));
  EXPECT_THAT(Send("PUT", "partNumber=1&uploadId=" + id, "x").body,
              HasSubstr("<Code>NoSuchUpload</Code>"));
}

TEST_F(DirectS3Test, OperationsOfUploadsCanFail) {
  Break("storeCreateMultipartUpload", Fault::Kind::kStatus);
  Break("storeCompleteMultipartUpload", Fault::Kind::kResetAfter);
  EXPECT_EQ(Send("POST", "uploads=", "").status, 500);
  std::string id = CreateUpload();
  std::string etag =
      Send("PUT", "partNumber=1&uploadId=" + id, "x").headers["etag"];
  EXPECT_EQ(Complete(id, Xml(1, etag)).status, 0);
  EXPECT_EQ(Send("GET", "", "").body, "x");
  EXPECT_THAT(emulator_.UnconsumedFaults(), ::testing::IsEmpty());
}

TEST_F(DirectS3Test, LakefsReadsWhatWasPutThere) {
  std::string address = client_->Mint("a")["physical_address"];
  path_ = absl::StrCat("/", PercentEncode(address.substr(5), true));
  EXPECT_EQ(Send("PUT", "", "hello").status, 200);
  EXPECT_EQ(client_->Link("a", {{"physical_address", address}}).status, 200);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "hello");
}

}  // namespace
}  // namespace lakefs::gateway::testing
