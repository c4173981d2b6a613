#include "gateway/lakefs/credentials.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gateway/lakefs/credentials_file.h"
#include "gateway/lakefs/login.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_client.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;

class CredentialsTest : public ::testing::Test {
 protected:
  CallContext Call(const std::string& authorization = "") {
    return {clock_, clock_.Now() + hours(24),
            CallInfo{.call_id = "c", .authorization = authorization}};
  }
  void AnswerLogin(const std::string& token, seconds life) {
    const auto expiration =
        clock_.WallNow().time_since_epoch() + WallTime::duration(life);
    http_.Answer(
        200,
        absl::StrCat(R"({"token":")", token, R"(","token_expiration":)",
                     std::chrono::floor<seconds>(expiration).count(), "}"));
  }
  std::string ValueOf(Credentials& credentials) {
    const auto header = credentials.Get(Call());
    return header.ok() ? header->value : header.status().ToString();
  }

  FakeClock clock_;
  FakeHttpClient http_;
  Metrics metrics_{"test"};
  LoginOptions options_{.endpoint = "http://h:1",
                        .key = {.id = "id", .secret = "secret"}};
};

TEST_F(CredentialsTest, ASessionIsKeptUntilATenthOfItsLifeIsLeft) {
  Login login(options_, http_, metrics_);
  AnswerLogin("t1", seconds(1000));
  EXPECT_EQ(ValueOf(login), "Bearer t1");
  EXPECT_EQ(http_.requests[0].url, "http://h:1/api/v1/auth/login");
  EXPECT_THAT(http_.requests[0].body, HasSubstr("secret"));
  clock_.Advance(seconds(898));
  EXPECT_EQ(ValueOf(login), "Bearer t1");
  AnswerLogin("t2", seconds(1000));
  clock_.Advance(seconds(3));
  EXPECT_EQ(ValueOf(login), "Bearer t2");
  EXPECT_EQ(http_.requests.size(), 2U);
}

TEST_F(CredentialsTest, ARefusedSessionIsRenewedOnceForAllThatItWasRefusedTo) {
  Login login(options_, http_, metrics_);
  AnswerLogin("t1", seconds(1000));
  const HttpHeader first = *login.Get(Call());
  AnswerLogin("t2", seconds(1000));
  EXPECT_TRUE(login.Renew(Call(), first));
  EXPECT_TRUE(login.Renew(Call(), first));
  EXPECT_EQ(ValueOf(login), "Bearer t2");
  EXPECT_EQ(http_.requests.size(), 2U);
}

TEST_F(CredentialsTest, ALoginThatFailedIsNotRepeatedForASecond) {
  Login login(options_, http_, metrics_);
  http_.Answer(401, R"({"message":"error authenticating request"})");
  EXPECT_THAT(login.Get(Call()), HasReason(Reason::kCredentialsRejected));
  EXPECT_THAT(login.Get(Call()), HasReason(Reason::kCredentialsRejected));
  EXPECT_EQ(http_.requests.size(), 1U);
  clock_.Advance(seconds(1));
  AnswerLogin("t1", seconds(1000));
  EXPECT_EQ(ValueOf(login), "Bearer t1");
}

// Or else all its attempts would fall into that second.
TEST_F(CredentialsTest, WhoRepeatsAfterALoginThatFailedIsToldToWaitForIt) {
  Login login(options_, http_, metrics_);
  http_.Answer(503, "", {{"retry-after", "0"}});
  const auto failed = login.Get(Call());
  EXPECT_THAT(failed, HasReason(Reason::kUpstreamUnavailable));
  EXPECT_EQ(DetailsOf(failed.status()).retry_after, milliseconds(1'000));
  clock_.Advance(milliseconds(400));
  EXPECT_EQ(DetailsOf(login.Get(Call()).status()).retry_after,
            milliseconds(600));
  EXPECT_EQ(http_.requests.size(), 1U);
  clock_.Advance(milliseconds(600));
  AnswerLogin("t1", seconds(1000));
  EXPECT_EQ(ValueOf(login), "Bearer t1");
}

TEST_F(CredentialsTest, TheCookieOfASessionIsKnownByItsName) {
  options_.cookie = true;
  for (const char* session : {"internal_auth_session=a", "access_token=b"}) {
    Login login(options_, http_, metrics_);
    http_.Answer(200, R"({"token":"t"})",
                 {{"set-cookie", "AWSALB=balancer; Path=/"},
                  {"set-cookie", absl::StrCat(session, "; HttpOnly")},
                  {"set-cookie", "AWSALBCORS=balancer"}});
    EXPECT_EQ(ValueOf(login), session);
  }
  Login login(options_, http_, metrics_);
  http_.Answer(200, R"({"token":"t"})", {{"set-cookie", "AWSALB=balancer"}});
  EXPECT_FALSE(login.Get(Call()).ok());
}

TEST_F(CredentialsTest, CallersAuthorizationIsPassedOnAndNothingElse) {
  CallersCredentials callers;
  EXPECT_THAT(callers.Get(Call()), HasReason(Reason::kCredentialsRejected));
  EXPECT_THAT(callers.Get(Call("Basic x\r\nHost: y")),
              HasReason(Reason::kCredentialsRejected));
  const auto header = callers.Get(Call("Basic x"));
  ASSERT_THAT(header, IsOk());
  EXPECT_EQ(header->name, "Authorization");
  EXPECT_EQ(header->value, "Basic x");
  EXPECT_FALSE(callers.Renew(Call("Basic x"), *header));
}

class CredentialsFileTest : public CredentialsTest {
 protected:
  CredentialsFileTest() {
    char name[] = "/tmp/token-file-test-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/token";
  }
  ~CredentialsFileTest() override { std::filesystem::remove_all(folder_); }
  void Write(const std::string& token, mode_t mode = 0600) {
    std::ofstream(path_) << token;
    chmod(path_.c_str(), mode);
  }
  static constexpr auto kToken = CredentialsFile::Kind::kToken;
  static constexpr auto kKeys = CredentialsFile::Kind::kKeys;
  std::string folder_;
  std::string path_;
};

TEST_F(CredentialsFileTest, IsReadAgainAfterSecondsAndWhenRefused) {
  Write("one\n");
  auto file = CredentialsFile::Open(path_, kToken, clock_, metrics_);
  ASSERT_THAT(file, IsOk());
  Write("two\n");
  EXPECT_EQ(ValueOf(**file), "Bearer one");
  clock_.Advance(seconds(5));
  EXPECT_EQ(ValueOf(**file), "Bearer two");
  EXPECT_FALSE((*file)->Renew(Call(), {"Authorization", "Bearer two"}));
  Write("three\n");
  EXPECT_TRUE((*file)->Renew(Call(), {"Authorization", "Bearer two"}));
  EXPECT_EQ(ValueOf(**file), "Bearer three");
}

TEST_F(CredentialsFileTest, AGoodTokenGoesOnWhenTheFileBecomesUnusable) {
  Write("one");
  auto file = CredentialsFile::Open(path_, kToken, clock_, metrics_);
  ASSERT_THAT(file, IsOk());
  Write("two", 0644);
  clock_.Advance(seconds(6));
  EXPECT_EQ(ValueOf(**file), "Bearer one");
}

TEST_F(CredentialsFileTest, AFileThatIsOpenToOthersOrEmptyIsRefused) {
  Write("one", 0604);
  const auto open = CredentialsFile::Open(path_, kToken, clock_, metrics_);
  EXPECT_THAT(open, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(open.status().message()), HasSubstr("0604"));
  Write("", 0600);
  EXPECT_FALSE(CredentialsFile::Open(path_, kToken, clock_, metrics_).ok());
  Write("one", 0440);
  EXPECT_TRUE(CredentialsFile::Open(path_, kToken, clock_, metrics_).ok());
}

TEST_F(CredentialsFileTest, KeysAreReadAgainToo) {
  Write(
      "# of production\n"
      "LAKECTL_CREDENTIALS_ACCESS_KEY_ID=id\n"
      "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=se=cret\n");
  auto file = CredentialsFile::Open(path_, kKeys, clock_, metrics_);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(ValueOf(**file), "Basic aWQ6c2U9Y3JldA==");
  Write(
      "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=new\r\n"
      "LAKECTL_CREDENTIALS_ACCESS_KEY_ID=id");
  EXPECT_TRUE(
      (*file)->Renew(Call(), {"Authorization", "Basic aWQ6c2U9Y3JldA=="}));
  EXPECT_EQ(ValueOf(**file), "Basic aWQ6bmV3");
}

TEST_F(CredentialsFileTest, ALoginTakesTheKeyThatStandsThereThen) {
  const auto key = [](const std::string& secret) {
    return "LAKECTL_CREDENTIALS_ACCESS_KEY_ID=id\n"
           "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=" +
           secret;
  };
  Write(key("first"));
  options_.key_file = path_;
  Login login(options_, http_, metrics_);
  AnswerLogin("t1", seconds(1000));
  const HttpHeader first = *login.Get(Call());
  EXPECT_THAT(http_.requests.back().body, HasSubstr("first"));
  Write(key("second"));
  AnswerLogin("t2", seconds(1000));
  EXPECT_TRUE(login.Renew(Call(), first));
  EXPECT_THAT(http_.requests.back().body, HasSubstr("second"));
  Write(key("third"), 0644);
  AnswerLogin("t3", seconds(1000));
  EXPECT_TRUE(login.Renew(Call(), {"Authorization", "Bearer t2"}));
  EXPECT_THAT(http_.requests.back().body, HasSubstr("second"));
}

TEST_F(CredentialsFileTest, WhatIsNoTokenOrNoKeysIsRefusedAndNotShown) {
  const std::pair<const char*, CredentialsFile::Kind> cases[] = {
      {"two marked", kToken},
      {"two\nmarked", kToken},
      {"marked", kKeys},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID=marked", kKeys},
      {"LAKECTL_CREDENTIALS_ACCESS_KEY_ID=marked\n"
       "LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=\n",
       kKeys}};
  for (const auto& [text, kind] : cases) {
    Write(text);
    const auto file = CredentialsFile::Open(path_, kind, clock_, metrics_);
    EXPECT_THAT(file, StatusIs(absl::StatusCode::kInvalidArgument)) << text;
    EXPECT_THAT(std::string(file.status().message()),
                ::testing::Not(HasSubstr("marked")));
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
