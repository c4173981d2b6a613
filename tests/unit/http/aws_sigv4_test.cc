#include "gateway/http/aws_sigv4.h"

#include <gmock/gmock.h>

#include "absl/strings/str_split.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_client.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;

// The signer, the time and the bucket of the examples in "Authenticating
// Requests: Using the Authorization Header" of the S3 API reference.
const AwsKeys kKeys{
    .region = "us-east-1",
    .access_key_id = "AKIAIOSFODNN7EXAMPLE",
    .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"};
const WallTime kThen = FromEpochSeconds(1'369'353'600);
constexpr char kBucket[] = "https://examplebucket.s3.amazonaws.com";

std::string Authorization(HttpRequest request, const AwsKeys& keys = kKeys) {
  SignAwsSigV4(keys, kThen, request);
  return HeaderOf(request, "Authorization");
}

std::string SignedHeaders(const HttpRequest& request,
                          const AwsKeys& keys = kKeys) {
  const std::vector<std::string> fields =
      absl::StrSplit(Authorization(request, keys), ", ");
  return fields.at(1);
}

TEST(AwsSigV4Test, SignsAGetAsThePublishedExample) {
  EXPECT_EQ(
      Authorization({.url = std::string(kBucket) + "/test.txt",
                     .headers = {{"Range", "bytes=0-9"}}}),
      "AWS4-HMAC-SHA256 "
      "Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
      "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature="
      "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
}

TEST(AwsSigV4Test, SignsAPutAndItsBytesAsThePublishedExample) {
  EXPECT_THAT(
      Authorization({.method = HttpMethod::kPut,
                     .url = std::string(kBucket) + "/test$file.text",
                     .headers = {{"Date", "Fri, 24 May 2013 00:00:00 GMT"},
                                 {"x-amz-storage-class", "REDUCED_REDUNDANCY"}},
                     .body = "Welcome to Amazon S3."}),
      EndsWith(
          "SignedHeaders=date;host;x-amz-content-sha256;x-amz-date;"
          "x-amz-storage-class, Signature="
          "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"));
}

TEST(AwsSigV4Test, SignsAParameterWithoutValueAsThePublishedExample) {
  EXPECT_THAT(
      Authorization({.url = std::string(kBucket) + "/?lifecycle"}),
      EndsWith(
          "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"));
}

TEST(AwsSigV4Test, SignsParametersInOrderAsThePublishedExample) {
  for (const char* query : {"/?max-keys=2&prefix=J", "?prefix=J&max-keys=2"}) {
    EXPECT_THAT(
        Authorization({.url = std::string(kBucket) + query}),
        EndsWith(
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"))
        << query;
  }
}

TEST(AwsSigV4Test, EveryHeaderThatIsSentIsSignedAndNoOther) {
  EXPECT_EQ(SignedHeaders({.method = HttpMethod::kPut, .url = "http://s3/b/k"}),
            "SignedHeaders=host;x-amz-content-sha256;x-amz-date");
  AwsKeys temporary = kKeys;
  temporary.session_token = "token";
  EXPECT_EQ(SignedHeaders({.method = HttpMethod::kPut,
                           .url = "http://s3/b/k",
                           .headers = {{"Content-Type", "text/html"},
                                       {"Content-MD5", "XUFAKrxLKna5cZ2R"}}},
                          temporary),
            "SignedHeaders=content-md5;content-type;host;x-amz-content-sha256;"
            "x-amz-date;x-amz-security-token");
}

TEST(AwsSigV4Test, TheHostIsTheOneThatTheUrlNames) {
  const std::pair<const char*, const char*> hosts[] = {
      {"http://minio:9000/b/k", "minio:9000"},
      {"http://minio:80/b/k", "minio"},
      {"https://s3.local:443/b/k", "s3.local"},
      {"https://s3.local:80", "s3.local:80"},
      {"http://[::1]:9000?uploads=", "[::1]:9000"}};
  for (const auto& [url, host] : hosts) {
    HttpRequest request{.url = url};
    SignAwsSigV4(kKeys, kThen, request);
    EXPECT_EQ(HeaderOf(request, "Host"), host);
  }
}

TEST(AwsSigV4Test, AStreamIsNotReadToBeSigned) {
  HttpRequest request{.method = HttpMethod::kPut, .url = "http://s3/b/k"};
  request.stream = HttpBody{.size_bytes = 1, .read = nullptr};
  SignAwsSigV4(kKeys, kThen, request);
  EXPECT_EQ(HeaderOf(request, "X-Amz-Content-Sha256"), "UNSIGNED-PAYLOAD");
}

TEST(AwsSigV4Test, AnEncodingThatMeansTheSameIsSignedTheSame) {
  EXPECT_EQ(Authorization({.url = "http://s3/b/a%2cb%7E,/x?k=a%2fb"}),
            Authorization({.url = "http://s3/b/a,b~%2C/x?k=a/b"}));
  EXPECT_NE(Authorization({.url = "http://s3/b/a%2Fb"}),
            Authorization({.url = "http://s3/b/a%252Fb"}))
      << "but nothing is encoded twice";
}

TEST(AwsSigV4Test, EachAttemptIsSignedAtItsOwnTime) {
  FakeClock clock;
  const CallContext context(clock, clock.Now() + std::chrono::hours(2), "test");
  FakeHttpClient http;
  SigningHttpClient client(http, kKeys);
  for (int attempt = 0; attempt < 2; ++attempt) {
    http.Answer(200);
    EXPECT_THAT(client.Send(context, {.url = "http://s3/b/k"}), IsOk());
    clock.Advance(std::chrono::minutes(20));
  }
  EXPECT_THAT(HeaderOf(http.requests[0], "Authorization"), HasSubstr("Signed"));
  EXPECT_NE(HeaderOf(http.requests[0], "X-Amz-Date"),
            HeaderOf(http.requests[1], "X-Amz-Date"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
