#include "gateway/lakefs/rest_client.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/fake_http_client.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::Eq;
using ::testing::HasSubstr;

constexpr char kStats[] =
    R"({"path":"p","checksum":"5d","mtime":1,"physical_address":"data/x"})";

class RestClientTest : public ::testing::Test {
 protected:
  FakeClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(60), "test"};
  FakeHttpClient http_;
  FixedCredentials keys_ = FixedCredentials::Keys("id", "secret");
  RestClient client_{{.endpoint = "http://h:1/"}, http_, keys_};
  ObjectPath object_{"repo", "main", "a b/ä%2B+&=?#"};
};

TEST_F(RestClientTest, TheEndpointMayHaveTheApisPathOrASlash) {
  for (const char* endpoint : {"http://h:1", "http://h:1/", "http://h:1/api/v1",
                               "http://h:1/api/v1/"}) {
    EXPECT_EQ(RestClient({.endpoint = endpoint}, http_, keys_).base_url(),
              "http://h:1/api/v1");
  }
}

TEST_F(RestClientTest, HealthIsAskedForWithoutCredentials) {
  CallersCredentials none;
  RestClient client({.endpoint = "http://h:1"}, http_, none);
  http_.Answer(204, "");
  EXPECT_THAT(client.HealthCheck(context_), IsOk());
  EXPECT_EQ(http_.requests[0].url, "http://h:1/api/v1/healthcheck");
  EXPECT_EQ(HeaderOf(http_.requests[0], "Authorization"), "");
  http_.Answer(503, "");
  EXPECT_THAT(client.HealthCheck(context_),
              HasReason(Reason::kUpstreamUnavailable));
}

TEST_F(RestClientTest, PathsAreEncodedAndKeysSentAsBasic) {
  http_.Answer(200, R"({"physical_address":"s3://b/x"})");
  EXPECT_THAT(client_.GetPhysicalAddress(context_, object_, true), IsOk());
  EXPECT_EQ(http_.requests[0].url,
            "http://h:1/api/v1/repositories/repo/branches/main/staging/"
            "backing?path=a%20b%2F%C3%A4%252B%2B%26%3D%3F%23&presign=true");
  EXPECT_EQ(HeaderOf(http_.requests[0], "Authorization"), "Basic aWQ6c2VjcmV0");
}

TEST_F(RestClientTest, ALocationIsSignedWhenItsReplyWasMade) {
  constexpr char kLocation[] = R"({"physical_address":"s3://b/x"})";
  const std::vector<HttpHeader> date = {
      {"date", "Tue, 24 Nov 2026 12:00:00 GMT"}};
  const WallTime noon{seconds(1'795'521'600)};
  http_.Answer(200, kLocation, date);
  EXPECT_EQ(client_.GetPhysicalAddress(context_, object_, true)->signed_at,
            noon);
  http_.Answer(409, kLocation, date);
  EXPECT_EQ(client_.LinkPhysicalAddress(context_, object_, {}, {})
                .try_here->signed_at,
            noon);
  http_.Answer(200, kLocation);
  EXPECT_EQ(client_.GetPhysicalAddress(context_, object_, true)->signed_at,
            clock_.WallNow())
      << "without a Date our clock has to do";
}

TEST_F(RestClientTest, AStatTellsWhenItsReplyWasMadeIfThatDoes) {
  http_.Answer(200, kStats, {{"date", "Tue, 24 Nov 2026 12:00:00 GMT"}});
  EXPECT_EQ((*client_.StatObject(context_, object_))->shown_at,
            WallTime(seconds(1'795'521'600)));
  for (const char* no_date : {"", "yesterday"}) {
    http_.Answer(200, kStats, {{"date", no_date}});
    EXPECT_EQ((*client_.StatObject(context_, object_))->shown_at, std::nullopt);
  }
}

TEST_F(RestClientTest, ALinkIsSentOnceUnderItsConditionAndKeepsItsAddress) {
  http_.Answer(200, kStats);
  const LinkAnswer answer = client_.LinkPhysicalAddress(
      context_, object_,
      {.staging = {.physical_address = "s3://b/data/x"}, .checksum = "5d"},
      {.if_absent = true});
  ASSERT_THAT(answer.stats, IsOk());
  EXPECT_EQ(answer.stats->physical_address, "s3://b/data/x");
  EXPECT_EQ(HeaderOf(http_.requests[0], "If-None-Match"), "*");
  EXPECT_EQ(HeaderOf(http_.requests[0], "Content-Type"), "application/json");
  EXPECT_FALSE(http_.requests[0].repeatable);
}

TEST_F(RestClientTest, AChecksumIsExpectedAsLakefsShowsIt) {
  http_.Answer(200, kStats);
  http_.Answer(201, kStats);
  EXPECT_THAT(
      client_.LinkPhysicalAddress(context_, object_, {}, {.if_match = "5d"})
          .stats,
      IsOk());
  EXPECT_THAT(client_.UploadObject(
                  context_, object_, {.condition = {.if_match = "5d"}},
                  {.read = [](std::span<char>) -> absl::StatusOr<size_t> {
                    return 0;
                  }}),
              IsOk());
  for (const HttpRequest& request : http_.requests) {
    EXPECT_EQ(HeaderOf(request, "If-Match"), "5d");
    EXPECT_EQ(HeaderOf(request, "If-None-Match"), "");
  }
}

TEST_F(RestClientTest, AConflictHandsTheLocationOnIfThereIsOne) {
  http_.Answer(409, R"({"physical_address":"s3://b/new","token":"t"})");
  http_.Answer(409, R"({"message":"conflict"})");
  const LinkAnswer with =
      client_.LinkPhysicalAddress(context_, object_, {}, {});
  EXPECT_THAT(with.stats, HasReason(Reason::kLinkConflict));
  EXPECT_EQ(with.try_here->token, "t");
  const LinkAnswer without =
      client_.LinkPhysicalAddress(context_, object_, {}, {});
  EXPECT_THAT(without.stats, HasReason(Reason::kLinkConflict));
  EXPECT_FALSE(without.try_here.has_value());
}

TEST_F(RestClientTest, AGarbledSuccessIsAmbiguous) {
  http_.Answer(200, "<html>");
  const LinkAnswer answer =
      client_.LinkPhysicalAddress(context_, object_, {}, {});
  EXPECT_TRUE(Ambiguous(answer.stats.status()));
}

TEST_F(RestClientTest, AnEmptySuccessOfAnOldReleaseIsASuccess) {
  http_.Answer(200, "");
  const LinkAnswer answer = client_.LinkPhysicalAddress(
      context_, object_, {.staging = {.physical_address = "A"}}, {});
  ASSERT_THAT(answer.stats, IsOk());
  EXPECT_EQ(answer.stats->physical_address, "A");
}

TEST_F(RestClientTest, AMissingObjectIsNothingAndAMissingRepositoryAnError) {
  http_.Answer(404, R"({"message":"not found"})");
  http_.Answer(404, R"({"message":"repository not found"})");
  EXPECT_THAT(client_.StatObject(context_, object_),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(client_.StatObject(context_, object_),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RestClientTest, WhatIsCommittedIsAskedOfTheBranchsLastCommit) {
  http_.Answer(200, kStats);
  http_.Answer(404, R"({"message":"not found"})");
  const auto stats = client_.StatCommitted(context_, {"repo", "main", "p"});
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ((*stats)->physical_address, "data/x");
  EXPECT_EQ(http_.requests[0].url,
            "http://h:1/api/v1/repositories/repo/refs/main@/objects/"
            "stat?path=p");
  EXPECT_THAT(client_.StatCommitted(context_, object_),
              IsOkAndHolds(Eq(std::nullopt)));
}

TEST_F(RestClientTest, AStatShowsTheRootOfALocalStoreOnce) {
  RestClient client({.endpoint = "http://h:1", .local_roots = {"/root"}}, http_,
                    keys_);
  http_.Answer(200, R"({"path":"p","checksum":"5d","mtime":1,)"
                    R"("physical_address":"local:///root/root/lake/data/a"})");
  const auto stats = client.StatObject(context_, object_);
  ASSERT_THAT(stats, IsOk());
  EXPECT_EQ((*stats)->physical_address, "local:///root/lake/data/a");
}

TEST_F(RestClientTest, ARepositoryThatDoesNotTellIsNotReadOnly) {
  http_.Answer(200, R"({"id":"repo","storage_namespace":"s3://b/r",)"
                    R"("storage_id":"eu","read_only":true})");
  http_.Answer(200, R"({"id":"repo","storage_namespace":"s3://b/r"})");
  http_.Answer(403, R"({"message":"no"})");
  const auto told = client_.GetRepository(context_, "repo");
  ASSERT_THAT(told, IsOk());
  EXPECT_EQ(told->storage_namespace, "s3://b/r");
  EXPECT_EQ(told->storage_id, "eu");
  EXPECT_TRUE(told->read_only);
  const auto untold = client_.GetRepository(context_, "repo");
  ASSERT_THAT(untold, IsOk());
  EXPECT_EQ(untold->storage_id, "");
  EXPECT_FALSE(untold->read_only);
  EXPECT_THAT(client_.GetRepository(context_, "repo"),
              StatusIs(absl::StatusCode::kPermissionDenied));
}

TEST_F(RestClientTest, ServersWithoutConfigAreAskedInTwoSteps) {
  http_.Answer(500, R"({"message":"invalid API endpoint"})");
  http_.Answer(200, R"({"blockstore_type":"s3"})");
  http_.Answer(200, R"({"version":"0.66.0"})");
  const auto config = client_.GetConfig(context_);
  ASSERT_THAT(config, IsOk());
  EXPECT_EQ(config->usual->version, "0.66.0");
  EXPECT_EQ(http_.requests.size(), 3U);
}

// Credentials that can be had anew, as often as they are refused.
class RenewedCredentials final : public Credentials {
 public:
  absl::StatusOr<HttpHeader> Get(const CallContext&) override {
    return HttpHeader{"Authorization", absl::StrCat("Bearer t", renewals)};
  }
  bool Renew(const CallContext&, const HttpHeader& refused) override {
    EXPECT_EQ(refused.value, absl::StrCat("Bearer t", renewals));
    ++renewals;
    return true;
  }
  int renewals = 0;
};

TEST_F(RestClientTest, After401TheCredentialsAreRenewedOnceAndTriedOnce) {
  RenewedCredentials credentials;
  RestClient client({.endpoint = "http://h:1"}, http_, credentials);
  http_.Answer(401);
  http_.Answer(200, kStats);
  EXPECT_THAT(
      client.LinkPhysicalAddress(context_, object_, {}, {.if_absent = true})
          .stats,
      IsOk());
  ASSERT_EQ(http_.requests.size(), 2U);
  EXPECT_EQ(HeaderOf(http_.requests[0], "Authorization"), "Bearer t0");
  EXPECT_EQ(HeaderOf(http_.requests[1], "Authorization"), "Bearer t1");
  EXPECT_EQ(HeaderOf(http_.requests[1], "If-None-Match"), "*");
  EXPECT_EQ(http_.requests[1].body, http_.requests[0].body);

  http_.Answer(401);
  http_.Answer(401);
  const LinkAnswer refused =
      client.LinkPhysicalAddress(context_, object_, {}, {.if_absent = true});
  EXPECT_THAT(refused.stats, HasReason(Reason::kCredentialsRejected));
  EXPECT_FALSE(Ambiguous(refused.stats.status()));
  EXPECT_EQ(http_.requests.size(), 4U);
}

TEST_F(RestClientTest, ForWantOfRightsNoCredentialsAreRenewed) {
  RenewedCredentials credentials;
  RestClient client({.endpoint = "http://h:1"}, http_, credentials);
  const std::string body = R"({"message":"insufficient permissions"})";
  for (int i = 0; i < 3; ++i) http_.Answer(401, body);
  EXPECT_THAT(client.GetPhysicalAddress(context_, object_, true),
              HasReason(Reason::kPermissionDenied));
  EXPECT_THAT(client.StatObject(context_, object_),
              StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(client.LinkPhysicalAddress(context_, object_, {}, {}).stats,
              HasReason(Reason::kPermissionDenied));
  EXPECT_EQ(http_.requests.size(), 3U);
  EXPECT_EQ(credentials.renewals, 0);
}

TEST_F(RestClientTest, AnEntryLosesItsBytesByLakefssWordAlone) {
  http_.Answer(410, "<html>Gone</html>");
  http_.Answer(410, R"({"message":"No data"})");
  EXPECT_THAT(client_.ReadFirstByte(context_, object_),
              HasReason(Reason::kUpstreamIntercepted));
  EXPECT_THAT(client_.ReadFirstByte(context_, object_), IsOkAndHolds(false));
}

TEST_F(RestClientTest, WhatWasStreamedIsNotSentAgainAfter401) {
  RenewedCredentials credentials;
  RestClient client({.endpoint = "http://h:1"}, http_, credentials);
  http_.Answer(401);
  const auto uploaded = client.UploadObject(
      context_, object_, {},
      {.read = [](std::span<char>) -> absl::StatusOr<size_t> { return 0; }});
  EXPECT_THAT(uploaded, HasReason(Reason::kCredentialsRejected));
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(RestClientTest, A401WithKeysIsFinal) {
  http_.Answer(401);
  EXPECT_THAT(client_.GetBranch(context_, "repo", "main"),
              HasReason(Reason::kCredentialsRejected));
  EXPECT_EQ(http_.requests.size(), 1U);
}

TEST_F(RestClientTest, TheTraceGoesAlongAndOnlyToLakefs) {
  const auto trace = TraceParent::Parse(
      "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
  const CallContext traced(clock_, clock_.Now() + seconds(60),
                           CallInfo{.trace = trace});
  http_.Answer(200, "{}");
  EXPECT_THAT(client_.GetBranch(traced, "repo", "main"), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[0], "traceparent"), trace->ToString());
  http_.Answer(200, "{}");
  EXPECT_THAT(client_.GetBranch(context_, "repo", "main"), IsOk());
  EXPECT_EQ(HeaderOf(http_.requests[1], "traceparent"), "");
}

HttpBody BodyOf(std::string text) {
  return {.read = [text, sent = false](std::span<char> buffer) mutable
          -> absl::StatusOr<size_t> {
    if (std::exchange(sent, true)) return 0;
    return text.copy(buffer.data(), buffer.size());
  }};
}

TEST_F(RestClientTest, AnUploadCarriesMetadataAsHeaders) {
  http_.Answer(201, kStats);
  const auto stats = client_.UploadObject(context_, object_,
                                          {.user_metadata = {{"key-1", "v"}},
                                           .content_type = "text/x",
                                           .condition = {.if_absent = true},
                                           .force = true},
                                          BodyOf("hello"));
  ASSERT_THAT(stats, IsOk());
  const HttpRequest& sent = http_.requests[0];
  EXPECT_EQ(sent.body, "hello");
  EXPECT_EQ(HeaderOf(sent, "x-lakefs-meta-key-1"), "v");
  EXPECT_EQ(HeaderOf(sent, "Content-Type"), "text/x");
  EXPECT_EQ(HeaderOf(sent, "If-None-Match"), "*");
  EXPECT_THAT(sent.url, HasSubstr("&force=true"));
}

// As releases before v1.0 take it: the type of the part is the object's.
TEST_F(RestClientTest, AFormCarriesTheObjectsType) {
  http_.Answer(201, kStats);
  EXPECT_THAT(
      client_.UploadObject(context_, object_,
                           {.content_type = "text/x", .form_boundary = "edge"},
                           BodyOf("hello")),
      IsOk());
  const HttpRequest& sent = http_.requests[0];
  EXPECT_EQ(HeaderOf(sent, "Content-Type"),
            "multipart/form-data; boundary=edge");
  EXPECT_THAT(sent.body,
              HasSubstr("\r\nContent-Type: text/x\r\n\r\nhello\r\n--edge--"));
}

TEST_F(RestClientTest, MetadataThatHeadersWouldChangeIsRefusedUnsent) {
  for (const UserMetadata& metadata :
       {UserMetadata{{"Key", "v"}}, UserMetadata{{"k", "ä"}},
        UserMetadata{{"k", "a\r\nb: c"}}, UserMetadata{{"k:", "v"}}}) {
    EXPECT_THAT(client_.UploadObject(context_, object_,
                                     {.user_metadata = metadata}, BodyOf("")),
                StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_TRUE(http_.requests.empty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
