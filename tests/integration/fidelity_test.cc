// What a caller gives arrives byte for byte, or is refused before any byte
// moves: random headers by every plan.
#include <gmock/gmock.h>

#include <filesystem>
#include <random>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/lakefs/rest_client.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

// A way for the bytes.
struct Way {
  const char* name;
  EmulatorOptions options;
  std::vector<std::string> flags;
  pb::Plan plan;
  bool if_absent = false;
  bool large = false;  // more than one part
  bool keys = false;   // the gateway's own to the store
};
void PrintTo(const Way& way, std::ostream* out) { *out << way.name; }

const Way kWays[] = {
    {"SinglePut", {}, {}, pb::PLAN_SINGLE_PUT},
    {"Multipart", {}, {}, pb::PLAN_MULTIPART, false, /*large=*/true},
    {"SpooledPut", {}, {}, pb::PLAN_SPOOLED_PUT, /*if_absent=*/true, true},
    {"SinglePutOfV1_21", {.dialect = Dialect::kV1_21}, {}, pb::PLAN_SINGLE_PUT},
    {"SinglePutOfV0_101",
     {.dialect = Dialect::kV0_101},
     {},
     pb::PLAN_SINGLE_PUT},
    {"AzureBlocks",
     {.store = StoreKind::kAzure},
     {},
     pb::PLAN_AZURE_BLOCKS,
     false,
     true},
    {"Google", {.store = StoreKind::kGcs}, {}, pb::PLAN_SINGLE_PUT},
    {"DirectS3",
     {.dialect = Dialect::kV0_66},
     {"--s3-endpoint=STORE"},
     pb::PLAN_DIRECT_S3,
     false,
     false,
     /*keys=*/true},
    {"ThroughLakefs",
     {.store = StoreKind::kLocal},
     {},
     pb::PLAN_THROUGH_LAKEFS},
    {"ThroughLakefsIfAbsent",
     {.store = StoreKind::kLocal},
     {},
     pb::PLAN_THROUGH_LAKEFS,
     /*if_absent=*/true},
};

// Headers with what callers give and what headers, JSON and URLs trip over.
class Headers {
 public:
  explicit Headers(uint64_t seed) : random_(seed) {}

  pb::UploadHeader Next(const Way& way, int n) {
    pb::UploadHeader header = HeaderFor(absl::StrCat(n, "/", Path()));
    header.set_if_absent(way.if_absent);
    if (Any(3) > 0) header.set_content_type(ContentType());
    for (size_t i = Any(4); i > 0; --i) {
      (*header.mutable_user_metadata())[Key()] = Value();
    }
    if (Any(4) == 0) header.set_request_id(absl::StrCat("request ", n));
    // A complete takes none, and releases before v1.42 use none.
    const bool takes_mtime = way.options.dialect == Dialect::kV1_84 &&
                             way.plan != pb::PLAN_MULTIPART;
    if (takes_mtime && Any(4) == 0) {
      header.mutable_mtime()->set_seconds(
          static_cast<int64_t>(Any(2'000'000'000)));
    }
    return header;
  }
  size_t Size(const Way& way) {
    if (way.large) return (8 << 20) + Any(1000);
    return Any(3) == 0 ? 0 : Any(100'000);
  }

 private:
  size_t Any(size_t below) { return random_() % below; }

  std::string Of(const std::vector<std::string>& pieces, size_t most) {
    std::string text;
    for (size_t i = Any(most + 1); i > 0; --i)
      text += pieces[Any(pieces.size())];
    return text;
  }
  std::string Path() {
    static const std::vector<std::string> pieces = {
        "a",        "B",
        "/",        "//",
        "..",       ".",
        " ",        "%2F",
        "%",        "+",
        "&",        "=",
        "?",        "#",
        "\\",       "\"",
        "\n",       "\t",
        "\x01",     "\x7f",
        "\xC3\xA4", "\xF0\x9F\x8C\x8A",
        "'",        "<",
        ";",        ",",
        ":",        "@",
        "~",        "*",
        "$"};
    return absl::StrCat(Of(pieces, 12), "z");
  }
  std::string Key() {
    static const std::vector<std::string> pieces = {
        "a", "b", "k", "0",        "-", "_",  "K",
        ".", " ", ":", "\xC3\xA4", "=", "\"", "::lakefs::"};
    return Any(2) == 0 ? absl::StrCat("key-", Any(9))
                       : absl::StrCat(Of(pieces, 4), "x");
  }
  std::string Value() {
    static const std::vector<std::string> pieces = {
        "v",        "V",
        "0",        " ",
        "\t",       "\n",
        "\r\n",     "\xC3\xA4",
        "\x01",     "\"",
        ",",        "\\",
        ";",        ":",
        "%",        "\xF0\x9F\x8C\x8A",
        "\xC2\xA0", "=?utf-8?Q?a?="};
    return Any(2) == 0 ? absl::StrCat("value ", Any(9)) : Of(pieces, 5);
  }
  std::string ContentType() {
    static const std::vector<std::string> types = {
        "text/html",
        "text/html; charset=utf-8",
        "application/vnd.x+json",
        "text/html; charset",
        "text/html;",
        "TEXT/HTML",
        "x",
        "x/",
        "/y",
        "multipart/form-data; boundary=b",
        "multipart/form-data",
        "multipart/mixed; boundary=\"b c\"",
        "a/b; c=\"d\\\"e\"; f=g",
        "text/plain; a=b; a=c",
        " text/html",
        "text/html ",
        "text/h\xC3\xA4",
        "text html",
        "application/x-www-form-urlencoded",
        "a/b;;c=d",
        "*/*"};
    return types[Any(types.size())];
  }

  std::mt19937_64 random_;
};

class FidelityTest : public ::testing::TestWithParam<Way> {
 protected:
  // What lakeFS has at the path, by its own word.
  static ObjectStats Stat(const Emulator& emulator, const EmulatorOptions& keys,
                          const std::string& path) {
    RealClock clock;
    CurlHttpClient http(CurlOptions{.proxy = "off"});
    FixedCredentials credentials =
        FixedCredentials::Keys(keys.access_key_id, keys.secret_access_key);
    RestClient lakefs({.endpoint = emulator.endpoint()}, http, credentials);
    const CallContext context(clock, clock.Now() + std::chrono::seconds(20),
                              "test");
    const auto stats = lakefs.StatObject(context, {"quickstart", "main", path});
    EXPECT_TRUE(stats.ok() && stats->has_value());
    return stats.ok() ? stats->value_or(ObjectStats{}) : ObjectStats{};
  }

  static void ExpectArrived(const Way& way, Stage& stage,
                            const pb::UploadHeader& header,
                            const std::string& data) {
    const std::string& path = header.object().path();
    EXPECT_TRUE(stage.Read(path) == data);
    const ObjectStats stats = Stat(stage.emulator, way.options, path);
    EXPECT_EQ(stats.path, path);
    EXPECT_EQ(stats.content_type, header.content_type().empty()
                                      ? "application/octet-stream"
                                      : header.content_type());
    UserMetadata kept;
    for (const auto& [key, value] : stats.user_metadata) {
      if (!absl::StartsWith(key, "lakefs-staging-")) kept[key] = value;
    }
    EXPECT_EQ(kept, UserMetadata(header.user_metadata().begin(),
                                 header.user_metadata().end()));
    if (header.has_mtime()) {
      EXPECT_EQ(stats.mtime, header.mtime().seconds());
    }
  }

  static void ExpectRefusedFirst(Stage& stage, const pb::UploadHeader& header,
                                 const CallEnd& end) {
    EXPECT_TRUE(end.reason == "INVALID_REQUEST" ||
                end.reason == "UPSTREAM_UNIMPLEMENTED")
        << end.reason << " " << end.status.error_message();
    EXPECT_FALSE(stage.Read(header.object().path()).has_value());
    for (const JournalEntry& entry : stage.emulator.Journal()) {
      EXPECT_FALSE(absl::StartsWith(entry.operation, "store") ||
                   entry.operation == "uploadObject")
          << entry.operation;
    }
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, FidelityTest, ::testing::ValuesIn(kWays),
                         [](const auto& info) { return info.param.name; });

TEST_P(FidelityTest, WhatIsGivenArrivesOrIsRefusedBeforeAnyByteMoves) {
  const Way& way = GetParam();
  std::map<std::string, std::string> keys;
  if (way.keys) {
    keys = {{"AWS_ACCESS_KEY_ID", way.options.store_access_key_id},
            {"AWS_SECRET_ACCESS_KEY", way.options.store_secret_access_key}};
  }
  Stage stage(way.options, way.flags, keys);
  Headers headers(20261130);
  int arrived = 0;
  const int uploads = way.large ? 12 : 60;
  for (int n = 0; n < uploads; ++n) {
    const pb::UploadHeader header = headers.Next(way, n);
    const std::string data = Bytes(headers.Size(way), n + 1);
    SCOPED_TRACE(absl::CEscape(header.ShortDebugString()));
    stage.emulator.ClearJournal();
    pb::UploadHeader sent = header;
    sent.set_size_bytes(static_cast<int64_t>(data.size()));
    const CallEnd end = n % 2 == 0 || way.large
                            ? Upload(*stage.stub, sent, data)
                            : UploadUnary(*stage.stub, sent, data);
    if (!end.status.ok()) {
      ExpectRefusedFirst(stage, header, end);
      continue;
    }
    ++arrived;
    EXPECT_EQ(end.result.plan(), way.plan);
    ExpectArrived(way, stage, header, data);
    if (header.request_id().empty()) continue;
    // The same call again gets the first result.
    const CallEnd again = Upload(*stage.stub, sent, data);
    EXPECT_TRUE(again.status.ok()) << again.status.error_message();
  }
  EXPECT_GT(arrived, uploads / 12);
}

}  // namespace
}  // namespace lakefs::gateway::testing
