// Presigned URLs, and what runs out.
#include <chrono>
#include <mutex>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "tests/emulator/digest.h"
#include "tests/emulator/sigv4.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;
using std::chrono::system_clock;

// A clock that stands still until it is moved.
class StoppedClock {
 public:
  system_clock::time_point Now() {
    std::lock_guard lock(mu_);
    return now_;
  }
  void Advance(system_clock::duration by) {
    std::lock_guard lock(mu_);
    now_ += by;
  }

 private:
  std::mutex mu_;
  system_clock::time_point now_{seconds(1'795'407'860)};
};

class PresignTest : public EmulatorFixture {
 protected:
  PresignTest() : PresignTest(std::make_shared<StoppedClock>()) {}
  explicit PresignTest(const std::shared_ptr<StoppedClock>& clock)
      : EmulatorFixture(With(clock)), clock_(clock) {}

  static EmulatorOptions With(const std::shared_ptr<StoppedClock>& clock) {
    EmulatorOptions options;
    options.now = [clock] { return clock->Now(); };
    return options;
  }

  const std::shared_ptr<StoppedClock> clock_;
};

// Source: the example of a presigned URL in "Authenticating Requests: Using
// Query Parameters" of the S3 API, whose request another signer made; here with
// the virtual host as it stands there.
TEST(SigV4Test, KnowsASignatureOfAnotherSigner) {
  SigV4 signer("AKIAIOSFODNN7EXAMPLE",
               "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
  HttpRequest request;
  request.method = "GET";
  request.path = "/test.txt";
  request.headers["host"] = "examplebucket.s3.amazonaws.com";
  request.query = {
      {"X-Amz-Algorithm", "AWS4-HMAC-SHA256"},
      {"X-Amz-Credential",
       "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"},
      {"X-Amz-Date", "20130524T000000Z"},
      {"X-Amz-Expires", "86400"},
      {"X-Amz-SignedHeaders", "host"},
      {"X-Amz-Signature",
       "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"}};
  system_clock::time_point then{seconds(1'369'353'600)};
  EXPECT_EQ(signer.Verify(request, then), SigV4::Verdict::kGood);
  EXPECT_EQ(signer.Verify(request, then + hours(25)), SigV4::Verdict::kExpired);
  EXPECT_EQ(signer.Verify(request, then - minutes(15)), SigV4::Verdict::kGood);
  EXPECT_EQ(signer.Verify(request, then - minutes(16)),
            SigV4::Verdict::kNotYet);
  request.method = "PUT";
  EXPECT_EQ(signer.Verify(request, then), SigV4::Verdict::kMismatch);
}

TEST_F(PresignTest, AmazonsHeadersMustBeSignedAndATypeNeedNotBe) {
  const std::string url = client_->Mint("a", true)["presigned_url"];
  Answer refused = ApiClient::Send("PUT", url, "x", {{"x-amz-acl", "private"}});
  EXPECT_EQ(refused.status, 403);
  EXPECT_THAT(refused.body, ::testing::HasSubstr("were not signed"));
  EXPECT_EQ(
      ApiClient::Send("PUT", url, "x", {{"Content-Type", "text/csv"}}).status,
      200);
}

TEST(SigV4Test, AUrlIsGoodForAWeekAtMost) {
  SigV4 signer("id", "secret");
  const system_clock::time_point now{seconds(1'795'407'860)};
  for (const auto& [lifetime, verdict] :
       {std::pair(seconds(hours(7 * 24)), SigV4::Verdict::kGood),
        std::pair(seconds(hours(7 * 24)) + seconds(1),
                  SigV4::Verdict::kMismatch)}) {
    const std::string url = signer.Presign("PUT", "h", "/a", {}, now, lifetime);
    HttpRequest request;
    request.method = "PUT";
    request.path = "/a";
    request.headers["host"] = "h";
    for (absl::string_view pair :
         absl::StrSplit(url.substr(url.find('?') + 1), '&')) {
      std::pair<std::string, std::string> kv =
          absl::StrSplit(pair, absl::MaxSplits('=', 1));
      request.query[kv.first] = PercentDecode(kv.second, false);
    }
    EXPECT_EQ(signer.Verify(request, now), verdict) << lifetime.count();
  }
}

TEST_F(PresignTest, PutKeepsTheBytesAndNamesTheirMd5) {
  nlohmann::json staging;
  Answer put = Put("a", "hello", staging);
  EXPECT_EQ(put.status, 200);
  EXPECT_EQ(put.headers["etag"], "\"5d41402abc4b2a76b9719d911017c592\"");
  EXPECT_EQ(client_->Link("a", staging).status, 200);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "hello");
}

TEST_F(PresignTest, AnEmptyObjectIsAnObject) {
  nlohmann::json staging;
  EXPECT_EQ(Put("a", "", staging).status, 200);
  EXPECT_EQ(client_->Link("a", staging, {}, "main", {{"size_bytes", 0}}).status,
            200);
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), "");
}

TEST_F(PresignTest, ExpiresByTheClock) {
  nlohmann::json staging = client_->Mint("a", /*presign=*/true);
  const std::string url = staging["presigned_url"];
  clock_->Advance(minutes(15));
  EXPECT_EQ(ApiClient::Send("PUT", url, "x").status, 200);
  clock_->Advance(seconds(1));
  Answer late = ApiClient::Send("PUT", url, "x");
  EXPECT_EQ(late.status, 403);
  EXPECT_THAT(late.body, ::testing::HasSubstr("<Code>AccessDenied</Code>"));
  EXPECT_THAT(late.body, ::testing::HasSubstr("Request has expired"));
  // The address outlives its URL.
  EXPECT_EQ(client_->Link("a", staging).status, 200);
}

TEST_F(PresignTest, AddressesExpireAfterADay) {
  nlohmann::json staging = client_->Mint("a");
  clock_->Advance(hours(24));
  EXPECT_EQ(client_->Link("a", staging).status, 200);
  clock_->Advance(seconds(1));
  Answer late = client_->Link("a", staging);
  EXPECT_EQ(late.status, 400);
  EXPECT_EQ(late.Message(), "link address expired");
}

TEST_F(PresignTest, AnyChangeOfTheUrlBreaksTheSignature) {
  const std::string url = client_->Mint("a", true)["presigned_url"];
  for (const std::string& changed :
       {absl::StrReplaceAll(url, {{"X-Amz-Expires=900", "X-Amz-Expires=901"}}),
        absl::StrReplaceAll(url, {{"/data/", "/date/"}}), url + "&x=y",
        url.substr(0, url.size() - 1) + (url.back() == '0' ? "1" : "0")}) {
    Answer put = ApiClient::Send("PUT", changed, "x");
    EXPECT_EQ(put.status, 403) << changed;
    EXPECT_THAT(put.body, ::testing::HasSubstr("SignatureDoesNotMatch"));
  }
  EXPECT_EQ(ApiClient::Send("PUT", url, "x").status, 200);
}

TEST_F(PresignTest, ChecksContentMd5) {
  nlohmann::json staging;
  Answer wrong = Put("a", "hello", staging,
                     {{"Content-MD5", absl::Base64Escape(Md5("other"))}});
  EXPECT_EQ(wrong.status, 400);
  EXPECT_THAT(wrong.body, ::testing::HasSubstr("<Code>BadDigest</Code>"));
  Answer right = Put("a", "hello", staging,
                     {{"Content-MD5", absl::Base64Escape(Md5("hello"))}});
  EXPECT_EQ(right.status, 200);
}

TEST_F(PresignTest, TokensExpireByTheClock) {
  nlohmann::json keys = {
      {"access_key_id", EmulatorOptions().access_key_id},
      {"secret_access_key", EmulatorOptions().secret_access_key}};
  std::string token =
      client_
          ->Call("POST", "auth/login", {}, keys.dump(),
                 {{"Content-Type", "application/json"}, {"Authorization", ""}})
          .Json()["token"];
  auto status = [&] {
    return client_
        ->Call("GET", "config", {}, "", {{"Authorization", "Bearer " + token}})
        .status;
  };
  EXPECT_EQ(status(), 200);
  clock_->Advance(hours(7 * 24));
  EXPECT_EQ(status(), 401);
}

}  // namespace
}  // namespace lakefs::gateway::testing
