// On stores not like S3, too, the emulator answers like a real lakeFS.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "tests/emulator/digest.h"
#include "tests/testing/places.h"
#include "tests/unit/emulator/emulator_fixture.h"
#include "tests/unit/emulator/recorded_answers.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;
using Headers = ApiClient::Headers;

const Headers kAbsent = {{"If-None-Match", "*"}};
const Headers kOctets = {{"Content-Type", "application/octet-stream"}};
const Headers kBlockBlob = {{"x-ms-blob-type", "BlockBlob"}};

constexpr char kDigits[] = "0123456789";

EmulatorOptions With(StoreKind store) {
  EmulatorOptions options;
  options.store = store;
  return options;
}

class StoreAnswersTest : public EmulatorFixture {
 protected:
  StoreAnswersTest(EmulatorOptions options, const std::string& store)
      : EmulatorFixture(std::move(options)),
        recorded_(absl::StrCat(SourceDir(),
                               "/tests/golden/emulator/answers-v1.84-", store,
                               ".jsonl")) {}

  ~StoreAnswersTest() override {
    EXPECT_THAT(recorded_.NeverCompared(), ::testing::IsEmpty());
  }

  Answer Read(const std::string& path, const ApiClient::Query& more = {},
              const Headers& headers = {}) {
    ApiClient::Query query = more;
    query["path"] = path;
    return client_->Call("GET", "repositories/repo/refs/main/objects", query,
                         "", headers);
  }

  Answer Stat(const std::string& path, const ApiClient::Query& more) {
    ApiClient::Query query = more;
    query["path"] = path;
    return client_->Call("GET", "repositories/repo/refs/main/objects/stat",
                         query);
  }

  Answer Backing(const ApiClient::Query& query,
                 const std::string& branch = "main") {
    return client_->Call(
        "GET",
        absl::StrCat("repositories/repo/branches/", branch, "/staging/backing"),
        query);
  }

  Answer Post(const std::string& path, const std::string& body,
              Headers headers = kOctets) {
    headers.insert(kOctets.begin(), kOctets.end());
    return client_->Call("POST", "repositories/repo/branches/main/objects",
                         {{"path", path}}, body, headers);
  }

  Answer CreateMultipart() {
    return client_->CallJson("POST", "branches/main/staging/pmpu",
                             {{"path", "m"}, {"parts", "2"}}, nullptr);
  }

  RecordedAnswers recorded_;
};

class AzureAnswersTest : public StoreAnswersTest {
 protected:
  AzureAnswersTest() : StoreAnswersTest(With(StoreKind::kAzure), "azure") {}

  // A presigned URL of a path not used before.
  std::string NewUrl() {
    return client_->Mint(absl::StrCat("u", ++urls_), true)["presigned_url"];
  }

  static Answer PutBlob(const std::string& url, const std::string& bytes,
                        Headers headers = {}) {
    headers.insert(kBlockBlob.begin(), kBlockBlob.end());
    return ApiClient::Send("PUT", url, bytes, headers);
  }

  static Answer PutBlock(const std::string& url, const std::string& id,
                         const std::string& bytes,
                         const Headers& headers = {}) {
    return ApiClient::Send("PUT", absl::StrCat(url, "&comp=block&blockid=", id),
                           bytes, headers);
  }

  static Answer PutList(const std::string& url, const std::string& blocks,
                        const Headers& headers = {}) {
    return ApiClient::Send("PUT", url + "&comp=blocklist",
                           absl::StrCat("<BlockList>", blocks, "</BlockList>"),
                           headers);
  }

  static Headers ContentMd5(const std::string& value) {
    return {{"Content-MD5", value}};
  }

  void Staging();
  void WholeBlobs();
  void BlockLists();
  void BlockIds();
  void Digests();
  void Chunks();
  void Signatures();

  int urls_ = 0;
};

void AzureAnswersTest::Staging() {
  recorded_.Expect("a.config", client_->Call("GET", "config"));
  recorded_.Expect("a.presign-true",
                   Backing({{"path", "a b"}, {"presign", "true"}}));
  recorded_.Expect("a.presign-false",
                   Backing({{"path", "a b"}, {"presign", "false"}}));
  json early = client_->Mint("early", true);
  recorded_.Expect("c.link-before-any-upload", client_->Link("early", early));
  recorded_.Expect("c.stat-of-link-without-blob", client_->Stat("early"));
  recorded_.Expect("c.read-of-link-without-blob", Read("early"));
  recorded_.Expect("b.lakefs-post-objects", Post("post", kDigits));
  recorded_.Expect("c.read-range", Read("post", {}, {{"Range", "bytes=2-4"}}));
  json staging = client_->Mint("g");
  client_->Link("g", staging);
  recorded_.Expect("g.relink-same", client_->Link("g", staging));
  recorded_.Expect("g.relink-if-none-match-star",
                   client_->Link("g", staging, kAbsent));
  recorded_.Expect("g.link-other-path", client_->Link("g2", staging));
  emulator_.CreateBranch("repo", "dev");
  recorded_.Expect("h.link-other-branch",
                   client_->Link("g", staging, {}, "dev"));
  json tampered = staging;
  std::string address = tampered["physical_address"];
  address.replace(address.size() - 3, 3, "AAA");
  tampered["physical_address"] = address;
  recorded_.Expect("g.link-tampered-address", client_->Link("g", tampered));
  recorded_.Expect(
      "g.link-quoted-checksum",
      client_->Link("g", staging, {}, "main",
                    {{"checksum", "\"13572e9e296cff52b79c52148313c3a5\""},
                     {"size_bytes", 100'000}}));
  recorded_.Expect("g.link-empty-checksum",
                   client_->Link("g", staging, {}, "main", {{"checksum", ""}}));
  recorded_.Expect("g.stat-presign", Stat("g", {{"presign", "true"}}));
  recorded_.Expect("g.get-presign", Read("g", {{"presign", "true"}}));
}

void AzureAnswersTest::WholeBlobs() {
  std::string url = NewUrl();
  recorded_.ExpectOfStore("c.get-before-commit",
                          ApiClient::Send("GET", url, ""));
  recorded_.ExpectOfStore("c.head-before-commit",
                          ApiClient::Send("HEAD", url, ""));
  recorded_.ExpectOfStore("b.no-blob-type",
                          ApiClient::Send("PUT", url, kDigits));
  recorded_.ExpectOfStore("b.blockblob", PutBlob(url, kDigits));
  recorded_.ExpectOfStore("b.get-with-write-sas",
                          ApiClient::Send("GET", url, ""));
  recorded_.ExpectOfStore("b.head-with-write-sas",
                          ApiClient::Send("HEAD", url, ""));
  recorded_.ExpectOfStore("b.delete-with-write-sas",
                          ApiClient::Send("DELETE", url, ""));
  recorded_.ExpectOfStore("b.overwrite", PutBlob(url, "second"));
  recorded_.ExpectOfStore("b.if-none-match-star-existing",
                          PutBlob(url, kDigits, kAbsent));
  recorded_.ExpectOfStore("b.zero", PutBlob(NewUrl(), ""));
}

void AzureAnswersTest::BlockLists() {
  constexpr char kA[] = "<Latest>MDAwMDAw</Latest>";
  std::string url = NewUrl();
  PutBlock(url, "MDAwMDAw", "a");
  recorded_.ExpectOfStore("c.put-block-list", PutList(url, kA));
  recorded_.ExpectOfStore("c.recommit-Latest", PutList(url, kA));
  recorded_.ExpectOfStore("c.recommit-Committed",
                          PutList(url, "<Committed>MDAwMDAw</Committed>"));
  recorded_.ExpectOfStore("c.recommit-Uncommitted",
                          PutList(url, "<Uncommitted>MDAwMDAw</Uncommitted>"));
  recorded_.ExpectOfStore("c.recommit-if-none-match",
                          PutList(url, kA, kAbsent));
  recorded_.ExpectOfStore(
      "c.commit-missing-block",
      PutList(url, absl::StrCat(kA, "<Latest>MDAwMDk5</Latest>")));
  recorded_.ExpectOfStore("c.put-block-over-committed",
                          PutBlock(url, "MDAwMDAw", "NEW"));
  Answer old = ApiClient::Send("GET", url, "");
  recorded_.ExpectOfStore("c.get-old", old);
  EXPECT_EQ(old.body, "a");
  url = NewUrl();
  for (int i = 0; i < 3; ++i) {
    PutBlock(url, absl::Base64Escape(absl::StrCat("00000", i)),
             std::string(1, "abc"[i]));
  }
  recorded_.ExpectOfStore(
      "c.commit-reordered-and-repeated",
      PutList(url, absl::StrCat("<Latest>MDAwMDAy</Latest>", kA,
                                "<Latest>MDAwMDAx</Latest>", kA)));
  Answer reordered = ApiClient::Send("GET", url, "");
  recorded_.ExpectOfStore("c.get-reordered", reordered);
  EXPECT_EQ(reordered.body, "caba");
  recorded_.ExpectOfStore("c.commit-empty-list-no-blocks",
                          PutList(NewUrl(), ""));
}

void AzureAnswersTest::BlockIds() {
  std::string url = NewUrl();
  recorded_.ExpectOfStore("c.put-block-len6", PutBlock(url, "MDAwMDAw", "a"));
  recorded_.ExpectOfStore("c.put-block-other-id-length",
                          PutBlock(url, "MDAwMDAwMDAw", "b"));
  recorded_.ExpectOfStore("c.put-block-id-not-base64",
                          PutBlock(url, "!!!", "x"));
  recorded_.ExpectOfStore(
      "c.put-block-id-too-long",
      PutBlock(url, PercentEncode(absl::Base64Escape(std::string(65, 'x'))),
               "x"));
  recorded_.ExpectOfStore("c.put-block-empty", PutBlock(url, "MDAwMDAx", ""));
  url = NewUrl();
  recorded_.ExpectOfStore("h.blockid-with-plus-raw",
                          PutBlock(url, "++++++++", "plus"));
  recorded_.ExpectOfStore("h.blockid-with-plus-encoded",
                          PutBlock(url, "%2B%2B%2B%2B%2B%2B%2B%2B", "plus"));
  recorded_.ExpectOfStore("h.commit-plus",
                          PutList(url, "<Latest>++++++++</Latest>"));
  Answer plus = ApiClient::Send("GET", url, "");
  recorded_.ExpectOfStore("h.get-plus", plus);
  EXPECT_EQ(plus.body, "plus");
}

void AzureAnswersTest::Digests() {
  const std::string right = absl::Base64Escape(Md5(kDigits));
  const std::string wrong = absl::Base64Escape(Md5("other"));
  std::string url = NewUrl();
  recorded_.ExpectOfStore(
      "d.put-block-md5-right",
      PutBlock(url, "MDAwMDAw", kDigits, ContentMd5(right)));
  recorded_.ExpectOfStore(
      "d.put-block-md5-wrong",
      PutBlock(url, "MDAwMDAx", kDigits, ContentMd5(wrong)));
  recorded_.ExpectOfStore(
      "d.put-block-md5-malformed",
      PutBlock(url, "MDAwMDAx", kDigits, ContentMd5("nonsense")));
  recorded_.ExpectOfStore(
      "c.commit-wrong-content-md5-of-xml",
      PutList(url, "<Latest>MDAwMDAw</Latest>", ContentMd5(wrong)));
  recorded_.ExpectOfStore("c.commit-blob-content-md5-wrong",
                          PutList(url, "<Latest>MDAwMDAw</Latest>",
                                  {{"x-ms-blob-content-md5", wrong}}));
  Answer lie = ApiClient::Send("HEAD", url, "");
  recorded_.ExpectOfStore("c.head-blob-content-md5-wrong", lie);
  EXPECT_EQ(lie.headers["content-md5"], wrong);
  url = NewUrl();
  recorded_.ExpectOfStore("d.put-blob-content-md5-wrong",
                          PutBlob(url, kDigits, ContentMd5(wrong)));
  recorded_.ExpectOfStore("d.head-after-wrong",
                          ApiClient::Send("HEAD", url, ""));
  recorded_.ExpectOfStore("d.put-blob-content-md5-right",
                          PutBlob(url, kDigits, ContentMd5(right)));
  recorded_.ExpectOfStore(
      "d.put-blob-x-ms-blob-content-md5-wrong",
      PutBlob(url, kDigits, {{"x-ms-blob-content-md5", wrong}}));
  recorded_.ExpectOfStore("d.put-blob-md5-hex",
                          PutBlob(url, kDigits, ContentMd5(Hex(Md5(kDigits)))));
}

void AzureAnswersTest::Chunks() {
  recorded_.ExpectOfStore("e.chunked-put-blob",
                          ApiClient::SendChunked(NewUrl(), "x", kBlockBlob));
  std::string url = NewUrl();
  recorded_.ExpectOfStore(
      "e.chunked-put-block",
      ApiClient::SendChunked(url + "&comp=block&blockid=MDAwMDAw", "x"));
  recorded_.ExpectOfStore("e.commit-chunked",
                          PutList(url, "<Latest>MDAwMDAw</Latest>"));
}

void AzureAnswersTest::Signatures() {
  const std::string url = NewUrl();
  auto changed = [&url](absl::string_view from, absl::string_view to) {
    std::string other = absl::StrReplaceAll(url, {{from, to}});
    EXPECT_NE(other, url);
    return other;
  };
  size_t mark = url.find('?');
  recorded_.ExpectOfStore("f.tampered-sig",
                          PutBlob(changed("&sig=", "&sig=AAAA"), "x"));
  recorded_.ExpectOfStore("f.tampered-expiry",
                          PutBlob(changed("?se=20", "?se=30"), "x"));
  recorded_.ExpectOfStore(
      "f.tampered-path",
      PutBlob(absl::StrCat(url.substr(0, mark), "x", url.substr(mark)), "x"));
  recorded_.ExpectOfStore("f.no-sig", PutBlob(changed("&sig=", "&gis="), "x"));
  recorded_.ExpectOfStore("f.no-query-at-all",
                          PutBlob(url.substr(0, mark), "x"));
  recorded_.ExpectOfStore(
      "f.wrong-permission-added",
      ApiClient::Send("DELETE", changed("&sp=raw", "&sp=racwd"), ""));

  EmulatorOptions options = With(StoreKind::kAzure);
  options.presign_lifetime = std::chrono::seconds(-1);
  Emulator late(options);
  late.CreateRepository("repo");
  ASSERT_TRUE(late.Start().ok());
  ApiClient client(late);
  json staging = client.Mint("p", true);
  const std::string expired = staging["presigned_url"];
  recorded_.ExpectOfStore("f.expired-put-block",
                          PutBlock(expired, "MDAwMDAw", "late"));
  recorded_.ExpectOfStore("f.expired-put-blob", PutBlob(expired, "late"));
  recorded_.ExpectOfStore("f.expired-commit",
                          PutList(expired, "<Latest>MDAwMDAw</Latest>"));
  recorded_.Expect("f.link-after-sas-expiry", client.Link("p", staging));
}

TEST_F(AzureAnswersTest, AnswersAreThoseRecorded) {
  Staging();
  WholeBlobs();
  BlockLists();
  BlockIds();
  Digests();
  Chunks();
  Signatures();
}

class GcsAnswersTest : public StoreAnswersTest {
 protected:
  GcsAnswersTest() : StoreAnswersTest(With(StoreKind::kGcs), "gs") {}
};

TEST_F(GcsAnswersTest, AnswersAreThoseRecorded) {
  recorded_.Expect("config", client_->Call("GET", "config"));
  recorded_.Expect("get-presign-false",
                   Backing({{"path", "a"}, {"presign", "false"}}));
  recorded_.Expect("post-mpu-presign", CreateMultipart());
  recorded_.Expect("post-objects", Post("post", kDigits));
  nlohmann::json staging;
  EXPECT_EQ(Put("zero", "", staging).status, 200);
  recorded_.Expect(
      "link-zero",
      client_->Link("zero", staging, {}, "main",
                    {{"checksum", "d41d8cd98f00b204e9800998ecf8427e"},
                     {"size_bytes", 0}}));
  recorded_.Expect("read-zero", Read("zero"));
  Answer redirect = Read("post", {{"presign", "true"}});
  recorded_.Expect("read-presign", redirect);
  EXPECT_EQ(ApiClient::Send("GET", redirect.headers["location"], "").body,
            kDigits);
}

class LocalAnswersTest : public StoreAnswersTest {
 protected:
  LocalAnswersTest() : StoreAnswersTest(With(StoreKind::kLocal), "local") {}

  Answer LinkTo(const std::string& path, const std::string& address,
                const json& more = json::object()) {
    json fields = {{"checksum", "c"}};
    fields.update(more);
    return client_->Link(path, {{"physical_address", address}}, {}, "main",
                         fields);
  }

  void Addresses();
  void Uploads();
  void Refusals();
  void Sizes();
};

void LocalAnswersTest::Addresses() {
  recorded_.Expect("config", client_->Call("GET", "config"));
  recorded_.Expect("get-presign-true",
                   Backing({{"path", "a"}, {"presign", "true"}}));
  recorded_.Expect("get-presign-false",
                   Backing({{"path", "a"}, {"presign", "false"}}));
  recorded_.Expect("get-presign-omitted", Backing({{"path", "a"}}));
  json staging = client_->Mint("a");
  const std::string address = staging["physical_address"];
  recorded_.Expect("link-after-writing-file", client_->Link("a", staging));
  recorded_.Expect("link-same-address-other-path", LinkTo("b", address));
  recorded_.Expect("link-tampered-address",
                   LinkTo("c", address.substr(0, address.size() - 3) + "AAA"));
  recorded_.Expect("read-c", Read("c"));
  size_t name = address.find("/repo/data/");
  recorded_.Expect(
      "link-relative-form",
      LinkTo("relative", absl::StrCat("local:/", address.substr(name))));
  recorded_.Expect("read-relative-form", Read("relative"));
  recorded_.Expect("link-outside", LinkTo("out", "local:///etc/hostname"));
  recorded_.Expect("read-outside", Read("out"));
  recorded_.Expect("link-traversal",
                   LinkTo("up", absl::StrCat(address.substr(0, name),
                                             "/../../../etc/hostname")));
  recorded_.Expect("read-traversal", Read("up"));
}

void LocalAnswersTest::Uploads() {
  recorded_.Expect("post-path-1025", Post(std::string(1025, 'k'), kDigits));
  recorded_.Expect(
      "post-form-urlencoded",
      Post("fu", "a=b",
           {{"Content-Type", "application/x-www-form-urlencoded"}}));
  recorded_.Expect(
      "post-multipart-no-content",
      Post("mp",
           "--X\r\nContent-Disposition: form-data; name=\"other\"; "
           "filename=\"f\"\r\n\r\nhello\r\n--X--\r\n",
           {{"Content-Type", "multipart/form-data; boundary=X"}}));
  recorded_.Expect("orphan.412-existing", Post("fu", kDigits, kAbsent));
  recorded_.Expect(
      "preflight",
      client_->Call("GET",
                    "repositories/repo/branches/main/objects/stage_allowed",
                    {{"path", "x"}}));
  recorded_.Expect("misc2.pmpu", CreateMultipart());
  recorded_.Expect("misc2.stat-presign", Stat("fu", {{"presign", "true"}}));
  recorded_.Expect("misc2.get-presign", Read("fu", {{"presign", "true"}}));
  emulator_.CreateRepository("otherrepo");
  Answer secret =
      client_->Call("POST", "repositories/otherrepo/branches/main/objects",
                    {{"path", "secret"}}, "secret", kOctets);
  LinkTo("stolen", secret.Json()["physical_address"], {{"size_bytes", 6}});
  Answer stolen = Read("stolen");
  recorded_.Expect("cross.read", stolen);
  EXPECT_EQ(stolen.body, "secret");
}

void LocalAnswersTest::Refusals() {
  const std::string address = client_->Mint("y")["physical_address"];
  recorded_.Expect("misc.staging-get-no-branch",
                   Backing({{"path", "y"}}, "nope"));
  recorded_.Expect(
      "misc.link-no-branch",
      client_->Link("y", {{"physical_address", address}}, {}, "nope"));
  Answer old =
      LinkTo("y", absl::StrCat(address.substr(0, address.find("/repo/")), "/x"),
             {{"mtime", 1'000'000'000}});
  recorded_.Expect("misc2.link-mtime", old);
  EXPECT_EQ(old.Json()["mtime"], 1'000'000'000);
  recorded_.Expect("misc2.link-if-match",
                   client_->Link("y", {{"physical_address", address}},
                                 {{"If-Match", "\"abc\""}}));
  emulator_.SetReadOnly("repo", true);
  recorded_.Expect("ro.post", Post("x", kDigits));
  recorded_.Expect("ro.link", LinkTo("y", address));
  recorded_.Expect("ro.link-force",
                   LinkTo("y", address, {{"force", true}, {"size_bytes", 1}}));
  emulator_.SetReadOnly("repo", false);
  emulator_.ProtectBranch("repo", "main");
  recorded_.Expect("prot2.post", Post("prot", kDigits));
  recorded_.Expect("prot2.link", LinkTo("y", address));
}

void LocalAnswersTest::Sizes() {
  const std::string address = client_->Mint("num")["physical_address"];
  auto link = [&](const json& size) {
    return LinkTo("num", address, {{"size_bytes", size}});
  };
  recorded_.Expect("num.link--1", link(-1));
  recorded_.Expect("num.link-0", link(0));
  recorded_.Expect("num.link-9223372036854775807",
                   link(int64_t{9223372036854775807}));
  recorded_.Expect("num.link-9223372036854775808",
                   link(uint64_t{9223372036854775808U}));
}

TEST_F(LocalAnswersTest, AnswersAreThoseRecorded) {
  Addresses();
  Uploads();
  Sizes();
  Refusals();
}

}  // namespace
}  // namespace lakefs::gateway::testing
