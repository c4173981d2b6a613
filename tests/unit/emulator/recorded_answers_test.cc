// The emulator answers like the releases it stands for.
#include "tests/unit/emulator/recorded_answers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/emulator/dialect_traits.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/places.h"
#include "tests/unit/emulator/api_client.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

class RecordedAnswersTest : public ::testing::TestWithParam<const char*> {
 protected:
  RecordedAnswersTest()
      : emulator_(OptionsFor(GetParam())),
        recorded_(absl::StrCat(SourceDir(), "/tests/golden/emulator/answers-",
                               GetParam(), "-s3.jsonl")) {
    emulator_.CreateRepository("repo");
    started_ = emulator_.Start();
    client_ = std::make_unique<ApiClient>(emulator_);
  }

  static EmulatorOptions OptionsFor(const char* dialect) {
    EmulatorOptions options;
    options.dialect = *ParseDialect(dialect);
    return options;
  }

  Answer Get(const std::string& path, const ApiClient::Query& query = {},
             ApiClient::Headers headers = {}) {
    return client_->Call("GET", path, query, "", std::move(headers));
  }

  Answer Backing(const std::string& branch, const ApiClient::Query& query,
                 ApiClient::Headers headers = {}) {
    return Get(
        absl::StrCat("repositories/repo/branches/", branch, "/staging/backing"),
        query, std::move(headers));
  }

  Answer LinkBody(const std::string& path, const json& body,
                  ApiClient::Headers headers = {}) {
    return client_->CallJson("PUT", "branches/main/staging/backing",
                             {{"path", path}}, body, std::move(headers));
  }

  Answer Upload(const std::string& path, const std::string& type,
                const std::string& body, ApiClient::Headers headers = {},
                const std::string& branch = "main") {
    headers["Content-Type"] = type;
    return client_->Call(
        "POST", absl::StrCat("repositories/repo/branches/", branch, "/objects"),
        {{"path", path}}, body, std::move(headers));
  }

  Answer Commit(const std::string& branch = "main") {
    return client_->CallJson("POST",
                             absl::StrCat("branches/", branch, "/commits"), {},
                             {{"message", "x"}});
  }

  void Configuration();
  void GettingAddresses();
  void Linking();
  void Addresses();
  void LinkBodies();
  void Commits();
  void Refusals();
  void Conditions();
  void Uploads();
  void Multipart();
  void MultipartFailures();
  void PartUrls();
  void Credentials();

  Emulator emulator_;
  absl::Status started_;
  std::unique_ptr<ApiClient> client_;
  RecordedAnswers recorded_;
};

std::string Form(const std::string& field, const std::string& attributes) {
  return absl::StrCat("--X\r\nContent-Disposition: form-data; name=\"", field,
                      "\"", attributes, "\r\n\r\nhello\r\n--X--\r\n");
}

constexpr char kFormType[] = "multipart/form-data; boundary=X";
constexpr char kFile[] =
    "; filename=\"f.bin\"\r\nContent-Type: application/octet-stream";

void RecordedAnswersTest::Configuration() {
  const ApiClient::Headers nobody = {{"Authorization", ""}};
  recorded_.Expect("a config", Get("config"));
  recorded_.Expect("a config/storage", Get("config/storage"));
  recorded_.Expect("a config/version", Get("config/version"));
  recorded_.Expect("a config no auth", Get("config", {}, nobody));
  recorded_.Expect("a healthcheck", Get("healthcheck", {}, nobody));
  recorded_.Expect("a unknown endpoint", Get("nosuch"));
  recorded_.Expect("a get repository", Get("repositories/repo"));
  recorded_.Expect("a get missing branch",
                   Get("repositories/repo/branches/nosuch"));
}

void RecordedAnswersTest::GettingAddresses() {
  recorded_.Expect("b backing", Backing("main", {{"path", "b"}}));
  recorded_.Expect("b backing presign=true",
                   Backing("main", {{"path", "b"}, {"presign", "true"}}));
  recorded_.Expect("b backing presign=maybe",
                   Backing("main", {{"path", "b"}, {"presign", "maybe"}}));
  recorded_.Expect("b backing missing branch",
                   Backing("nosuch", {{"path", "b"}, {"presign", "true"}}));
  recorded_.Expect("b backing missing repository",
                   Get("repositories/nosuch/branches/main/staging/backing",
                       {{"path", "b"}}));
  recorded_.Expect("b backing empty path", Backing("main", {{"path", ""}}));
  recorded_.Expect("b backing no path parameter", Backing("main", {}));
  recorded_.Expect("b backing without auth",
                   Backing("main", {{"path", "b"}}, {{"Authorization", ""}}));
}

void RecordedAnswersTest::Linking() {
  const json more = {{"content_type", "text/plain"},
                     {"user_metadata", {{"k", "v"}}}};
  recorded_.Expect("c link, whole StagingLocation echoed",
                   client_->Link("c", client_->Mint("c"), {}, "main", more));
  recorded_.Expect("c stat after link", client_->Stat("c"));
  const json bare = {
      {"physical_address", client_->Mint("c")["physical_address"]}};
  recorded_.Expect("c link, only physical_address", client_->Link("c", bare));
  recorded_.Expect(
      "c link, quoted checksum",
      client_->Link("c", client_->Mint("c"), {}, "main",
                    {{"checksum", "\"5d41402abc4b2a76b9719d911017c592\""}}));
  recorded_.Expect("c get object of nobytes",
                   Get("repositories/repo/refs/main/objects", {{"path", "c"}}));
}

void RecordedAnswersTest::Addresses() {
  json again = client_->Mint("d/re");
  recorded_.Expect("d first link", client_->Link("d/re", again));
  recorded_.Expect("d re-link same path, same body",
                   client_->Link("d/re", again));
  json of_a = client_->Mint("d/A");
  recorded_.Expect("d fresh address of path A linked to path B",
                   client_->Link("d/B", of_a));
  recorded_.Expect("d fresh address A to B → retry valid link, same address",
                   client_->Link("d/A", of_a));
  json garbage = client_->Mint("g");
  const json zeros = {{"checksum", "00000000000000000000000000000000"}};
  auto link = [&](const std::string& path, const std::string& address) {
    garbage["physical_address"] = address;
    return client_->Link(path, garbage, {}, "main", zeros);
  };
  recorded_.Expect("d garbage address: plain word", link("g/word", "garbage"));
  recorded_.Expect("d garbage address: in namespace, never issued",
                   link("g/in", "s3://lake/repo/data/garbage"));
  recorded_.Expect("d garbage address: in namespace, outside data/",
                   link("g/out", "s3://lake/repo/foo/bar"));
  recorded_.Expect("d garbage address: other bucket",
                   link("g/other", "s3://otherbucket/x"));
  recorded_.Expect("d stat of garbage plain word", client_->Stat("g/word"));
  json changed = client_->Mint("d/mod");
  std::string address = changed["physical_address"];
  address.back() = address.back() == 'A' ? 'B' : 'A';
  changed["physical_address"] = address;
  recorded_.Expect("d issued address with one character changed",
                   client_->Link("d/mod", changed));
}

void RecordedAnswersTest::LinkBodies() {
  json staging = client_->Mint("v");
  const json good = {{"staging", staging},
                     {"checksum", "5d41402abc4b2a76b9719d911017c592"},
                     {"size_bytes", 5}};
  auto without = [&](const char* field) {
    json body = good;
    body.erase(field);
    return LinkBody("v", body);
  };
  auto with = [&](const char* field, const json& value) {
    json body = good;
    body[json::json_pointer(field)] = value;
    return LinkBody("v", body);
  };
  recorded_.Expect("d staging missing", without("staging"));
  recorded_.Expect("d no checksum", without("checksum"));
  recorded_.Expect("d checksum null", with("/checksum", nullptr));
  recorded_.Expect("d size as string", with("/size_bytes", "5"));
  recorded_.Expect("d user_metadata value not a string",
                   with("/user_metadata", {{"k", 1}}));
  recorded_.Expect("d body empty", LinkBody("v", nullptr));
  recorded_.Expect("d link with Content-Type text/plain",
                   LinkBody("v", good, {{"Content-Type", "text/plain"}}));
  recorded_.Expect(
      "d link with Content-Type application/json; charset=utf-8",
      LinkBody("v", good,
               {{"Content-Type", "application/json; charset=utf-8"}}));
  staging = client_->Mint("v");
  staging["token"] = nullptr;
  recorded_.Expect("d token null", client_->Link("v", staging));
  recorded_.Expect(
      "d empty checksum",
      client_->Link("v", client_->Mint("v"), {}, "main", {{"checksum", ""}}));
}

void RecordedAnswersTest::Commits() {
  json stale = client_->Mint("d/stale");
  (void)Commit();
  recorded_.Expect(
      "d link after a commit, address issued before it (stale token)",
      client_->Link("d/stale", stale));
  (void)Commit();
  recorded_.Expect("d re-link after commit", client_->Link("d/stale", stale));
}

void RecordedAnswersTest::Refusals() {
  json lost = client_->Mint("e");
  recorded_.Expect("e link to missing branch",
                   client_->Link("e", lost, {}, "nosuch"));
  recorded_.Expect("e missing branch → retry valid link, same address",
                   client_->Link("e", lost));
  emulator_.CreateBranch("repo", "prot-1");
  emulator_.ProtectBranch("repo", "prot-*");
  json refused = client_->Mint("e", false, "prot-1");
  recorded_.Expect("e link on protected branch",
                   client_->Link("e", refused, {}, "prot-1"));
  recorded_.Expect("e link on protected branch, same address again",
                   client_->Link("e", refused, {}, "prot-1"));
  recorded_.Expect(
      "e upload on protected branch",
      Upload("e", kFormType, Form("content", kFile), {}, "prot-1"));
  recorded_.Expect("e commit on protected branch", Commit("prot-1"));
  emulator_.SetReadOnly("repo", true);
  const json zeros = {{"checksum", "00000000000000000000000000000000"}};
  recorded_.Expect("e link on read-only repository",
                   client_->Link("e", client_->Mint("e"), {}, "main", zeros));
  json force = zeros;
  force["force"] = true;
  recorded_.Expect("e link on read-only repository, new address, force=true",
                   client_->Link("e", client_->Mint("e"), {}, "main", force));
  emulator_.SetReadOnly("repo", false);
}

void RecordedAnswersTest::Conditions() {
  const ApiClient::Headers absent = {{"If-None-Match", "*"}};
  json first = client_->Mint("f");
  recorded_.Expect("f If-None-Match:* on a fresh path",
                   client_->Link("f", first, absent));
  recorded_.Expect("f If-None-Match:* on an existing path (uncommitted)",
                   client_->Link("f", client_->Mint("f"), absent));
  recorded_.Expect("f If-None-Match:* re-link of the same address",
                   client_->Link("f", first, absent));
  (void)Commit();
  recorded_.Expect("f If-None-Match:* on an existing path (committed)",
                   client_->Link("f", client_->Mint("f"), absent));
  recorded_.Expect(
      "h delete object",
      client_->Call("DELETE", "repositories/repo/branches/main/objects",
                    {{"path", "f"}}));
  recorded_.Expect("f If-None-Match:* on a path deleted but committed",
                   client_->Link("f", client_->Mint("f"), absent));
  recorded_.Expect(
      "f If-None-Match:\"abc\"",
      client_->Link("f2", client_->Mint("f2"), {{"If-None-Match", "\"abc\""}}));
  recorded_.Expect(
      "f If-Match of wrong etag on fresh path",
      client_->Link("f3", client_->Mint("f3"), {{"If-Match", "\"abc\""}}));
  recorded_.Expect("h stat missing path", client_->Stat("none"));
  recorded_.Expect("h stat missing ref", client_->Stat("f", "nosuch"));
}

void RecordedAnswersTest::Uploads() {
  recorded_.Expect("i octet-stream, Content-Length",
                   Upload("i/oct", "application/octet-stream", "hello"));
  recorded_.Expect("i multipart field content, Content-Length",
                   Upload("i/mp", kFormType, Form("content", kFile)));
  recorded_.Expect("i multipart without filename",
                   Upload("i/nofn", kFormType, Form("content", "")));
  recorded_.Expect("i multipart wrong field",
                   Upload("i/wrong", kFormType, Form("file", kFile)));
  recorded_.Expect("i upload If-None-Match:* existing",
                   Upload("i/mp", kFormType, Form("content", kFile),
                          {{"If-None-Match", "*"}}));
  recorded_.Expect("i upload with x-lakefs-meta-k header",
                   Upload("i/meta", kFormType, Form("content", kFile),
                          {{"X-Lakefs-Meta-K", "v"}}));
  recorded_.Expect(
      "i upload missing branch",
      Upload("i", kFormType, Form("content", kFile), {}, "nosuch"));
}

// An upload of 5 MiB and "tail", ready to be completed.
struct TwoParts {
  TwoParts(ApiClient& api, const std::string& object_path, size_t first_size)
      : client(api), path(object_path) {
    created = client.CallJson("POST", "branches/main/staging/pmpu",
                              {{"path", path}, {"parts", "2"}}, nullptr);
    json reply = created.Json();
    if (created.status != 201) return;
    id = reply["upload_id"];
    body["physical_address"] = reply["physical_address"];
    for (int i = 0; i < 2; ++i) {
      Answer put =
          ApiClient::Send("PUT", reply["presigned_urls"][i],
                          i == 0 ? std::string(first_size, 'a') : "tail");
      EXPECT_EQ(put.status, 200) << put.body;
      body["parts"].push_back(
          {{"part_number", i + 1}, {"etag", put.headers["etag"]}});
    }
  }

  Answer Complete() const { return Complete(body); }

  Answer Complete(const json& other) const {
    return client.CallJson("PUT",
                           absl::StrCat("branches/main/staging/pmpu/", id),
                           {{"path", path}}, other);
  }

  Answer Abort() const {
    return client.CallJson(
        "DELETE", absl::StrCat("branches/main/staging/pmpu/", id),
        {{"path", path}}, {{"physical_address", body["physical_address"]}});
  }

  ApiClient& client;
  const std::string path;
  Answer created;
  std::string id;
  json body;
};

constexpr size_t kFiveMiB = 5 << 20;

void RecordedAnswersTest::Multipart() {
  TwoParts good(*client_, "j/a", kFiveMiB);
  recorded_.Expect("j create parts=2", good.created);
  if (good.created.status != 201) return;
  good.body["content_type"] = "text/plain";
  good.body["user_metadata"] = {{"k", "v"}};
  recorded_.Expect("j complete", good.Complete());
  recorded_.Expect("j stat", client_->Stat("j/a"));
  recorded_.Expect("j complete a second time", good.Complete());
  recorded_.Expect("j abort after complete", good.Abort());
  recorded_.Expect(
      "j create parts=10001",
      client_->CallJson("POST", "branches/main/staging/pmpu",
                        {{"path", "j"}, {"parts", "10001"}}, nullptr));
  recorded_.Expect("j create missing branch",
                   client_->CallJson("POST", "branches/nosuch/staging/pmpu",
                                     {{"path", "j"}}, nullptr));
  Answer created = client_->CallJson("POST", "branches/main/staging/pmpu",
                                     {{"path", "j/l"}}, nullptr);
  json staging = {{"physical_address", created.Json()["physical_address"]}};
  recorded_.Expect(
      "j link (staging/backing PUT) of an address from pmpu create",
      client_->Link("j/l", staging, {}, "main",
                    {{"checksum", "00000000000000000000000000000000"}}));
}

void RecordedAnswersTest::MultipartFailures() {
  TwoParts wrong(*client_, "j/c", kFiveMiB);
  if (wrong.created.status != 201) return;
  json other = wrong.body;
  other["parts"][0]["etag"] = "\"00000000000000000000000000000000\"";
  recorded_.Expect("j complete with wrong etag", wrong.Complete(other));
  recorded_.Expect("j … then complete with the right ones", wrong.Complete());
  TwoParts order(*client_, "j/d", kFiveMiB);
  other = order.body;
  other["parts"] = json::array();
  recorded_.Expect("j complete with parts []", order.Complete(other));
  TwoParts reverse(*client_, "j/d2", kFiveMiB);
  other = reverse.body;
  std::swap(other["parts"][0], other["parts"][1]);
  recorded_.Expect("j complete, parts in wrong order", reverse.Complete(other));
  TwoParts aborted(*client_, "j/e", kFiveMiB);
  (void)aborted.Abort();
  recorded_.Expect("j abort again", aborted.Abort());
  recorded_.Expect("j complete after abort", aborted.Complete());
  TwoParts small(*client_, "j/small", 5);
  recorded_.Expect("j complete, first part under 5 MiB", small.Complete());
  other = small.body;
  other["physical_address"] = "garbage";
  recorded_.Expect("j complete with garbage address", small.Complete(other));
}

void RecordedAnswersTest::PartUrls() {
  json created = client_
                     ->CallJson("POST", "branches/main/staging/pmpu",
                                {{"path", "j/u"}}, nullptr)
                     .Json();
  if (!created.contains("upload_id")) return;
  auto part = [&](const std::string& path, const std::string& number) {
    return client_->CallJson(
        "PUT",
        absl::StrCat("branches/main/staging/pmpu/",
                     created["upload_id"].get<std::string>(), "/parts/",
                     number),
        {{"path", path}}, {{"physical_address", created["physical_address"]}});
  };
  recorded_.Expect("j uploadPart 1", part("j/u", "1"));
  recorded_.Expect("j uploadPart 0", part("j/u", "0"));
  recorded_.Expect("j uploadPart 3 with wrong path", part("j/other", "3"));
}

void RecordedAnswersTest::Credentials() {
  const std::string repository = "repositories/repo";
  recorded_.Expect("k wrong secret",
                   Get(repository, {}, {{"Authorization", "Basic eDp5"}}));
  json keys = {{"access_key_id", EmulatorOptions().access_key_id},
               {"secret_access_key", "wrong"}};
  const ApiClient::Headers type = {{"Content-Type", "application/json"},
                                   {"Authorization", ""}};
  recorded_.Expect("k login wrong",
                   client_->Call("POST", "auth/login", {}, keys.dump(), type));
  keys["secret_access_key"] = EmulatorOptions().secret_access_key;
  Answer login = client_->Call("POST", "auth/login", {}, keys.dump(), type);
  recorded_.Expect("k login", login);
  std::string token = login.Json()["token"];
  recorded_.Expect(
      "k token as Bearer",
      Get(repository, {}, {{"Authorization", absl::StrCat("Bearer ", token)}}));
  recorded_.Expect("k token as cookie internal_auth_session",
                   Get(repository, {},
                       {{"Authorization", ""},
                        {"Cookie", "internal_auth_session=" + token}}));
  std::string cookie = login.headers["set-cookie"];
  cookie = cookie.substr(0, cookie.find(';'));
  EXPECT_EQ(
      Get(repository, {}, {{"Authorization", ""}, {"Cookie", cookie}}).status,
      200);
  recorded_.Expect(
      "k garbage Bearer + right cookie",
      Get(repository, {}, {{"Authorization", "Bearer x"}, {"Cookie", cookie}}));
}

TEST_P(RecordedAnswersTest, AnswersAreThoseOfTheRelease) {
  ASSERT_TRUE(started_.ok()) << started_;
  Configuration();
  GettingAddresses();
  Linking();
  Addresses();
  LinkBodies();
  Commits();
  Refusals();
  Conditions();
  Uploads();
  Multipart();
  MultipartFailures();
  PartUrls();
  Credentials();
  EXPECT_THAT(recorded_.NeverCompared(), ::testing::IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(Dialects, RecordedAnswersTest,
                         ::testing::Values("v0.66", "v0.101", "v1.21", "v1.84"),
                         [](const auto& info) {
                           std::string name = info.param;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

}  // namespace
}  // namespace lakefs::gateway::testing
