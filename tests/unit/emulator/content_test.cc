// What becomes of the bytes of objects: kept, digested, discarded.
#include "tests/emulator/content.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/content_writer.h"
#include "tests/emulator/crc32c.h"
#include "tests/emulator/digest.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using ::testing::StartsWith;

constexpr char kMd5OfHello[] = "\"5d41402abc4b2a76b9719d911017c592\"";
constexpr size_t kPartSize = 5 << 20;

MATCHER_P(IsDigestOf, bytes, "") {
  return arg.has_value() && arg->size_bytes == bytes.size() &&
         arg->crc32c == Crc32c(bytes);
}

// Source: RFC 3720, B.4.
TEST(Crc32cTest, KnowsTheExamplesOfTheStandard) {
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283);
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aa);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43);
  EXPECT_EQ(Crc32c(""), 0);
}

TEST(Crc32cTest, PiecesMakeTheWhole) {
  const std::string text = "The quick brown fox jumps over the lazy dog";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    std::string head = text.substr(0, cut);
    std::string tail = text.substr(cut);
    EXPECT_EQ(Crc32c(tail, Crc32c(head)), Crc32c(text));
    EXPECT_EQ(JoinedCrc32c(Crc32c(head), Crc32c(tail), tail.size()),
              Crc32c(text));
  }
}

TEST(ContentTest, OnePieceWithoutBytesLeavesTheWholeWithout) {
  ContentPolicy keep;
  ContentPolicy discard;
  discard.keeps_bytes = false;
  const std::string head(65, 'a');  // the least that is discarded
  std::vector<Content> pieces = {ContentOf(head, keep), ContentOf("c", keep)};
  EXPECT_EQ(*Joined(pieces).bytes, head + "c");
  pieces[0] = ContentOf(head, discard);
  Content whole = Joined(pieces);
  EXPECT_EQ(whole.bytes, nullptr);
  EXPECT_EQ(whole.size_bytes, 66);
  EXPECT_EQ(whole.crc32c, Crc32c(head + "c"));
}

class DiscardTest : public EmulatorFixture,
                    public ::testing::WithParamInterface<StoreKind> {
 protected:
  DiscardTest() : EmulatorFixture(Options(GetParam())) {}
  static EmulatorOptions Options(StoreKind store) {
    EmulatorOptions options;
    options.store = store;
    options.discard_bytes = true;
    return options;
  }
};

TEST_P(DiscardTest, ObjectsKeepSizeAndChecksumOnly) {
  const std::string bytes(kPartSize + 3, 'x');
  nlohmann::json staging;
  Answer put = Put("a", bytes, staging, {{"x-ms-blob-type", "BlockBlob"}});
  EXPECT_EQ(put.status / 100, 2) << put.body;
  client_->Link("a", staging, {}, "main", {{"size_bytes", bytes.size()}});
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "a"), IsDigestOf(bytes));
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), std::nullopt);
  Answer read = client_->Call("GET", "repositories/repo/refs/main/objects",
                              {{"path", "a"}});
  EXPECT_EQ(read.status, 500);
  EXPECT_THAT(read.Message(), StartsWith("the emulator has discarded"));
}

TEST_P(DiscardTest, ACorruptPutShowsInTheChecksum) {
  Break("storePut", Fault::Kind::kCorrupt);
  const std::string bytes = "hello";
  nlohmann::json staging;
  Put("a", bytes, staging, {{"x-ms-blob-type", "BlockBlob"}});
  client_->Link("a", staging);
  auto digest = emulator_.DigestObject("repo", "main", "a");
  ASSERT_TRUE(digest.has_value());
  EXPECT_EQ(digest->size_bytes, 5);
  EXPECT_NE(digest->crc32c, Crc32c(bytes));
}

TEST_P(DiscardTest, UploadsThroughLakefsAreDiscardedToo) {
  const std::string bytes(65, 't');
  Answer posted = client_->Call(
      "POST", "repositories/repo/branches/main/objects", {{"path", "a"}}, bytes,
      {{"Content-Type", "application/octet-stream"}});
  EXPECT_EQ(posted.Json()["checksum"], Hex(Md5(bytes)));
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "a"), IsDigestOf(bytes));
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Stores, DiscardTest,
                         ::testing::Values(StoreKind::kS3, StoreKind::kAzure,
                                           StoreKind::kGcs));

class DiscardLocalTest : public EmulatorFixture {
 protected:
  DiscardLocalTest() : EmulatorFixture(Options()) {}
  static EmulatorOptions Options() {
    return {.store = StoreKind::kLocal, .discard_bytes = true};
  }
};

TEST_F(DiscardLocalTest, UploadsHaveNoFileAndFilesOfOthersAreDigested) {
  const std::string bytes((1 << 20) + 1, 'x');
  client_->Call("POST", "repositories/repo/branches/main/objects",
                {{"path", "a"}}, bytes,
                {{"Content-Type", "application/octet-stream"}});
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "a"), IsDigestOf(bytes));
  EXPECT_EQ(emulator_.ReadObject("repo", "main", "a"), std::nullopt);
  nlohmann::json staging = client_->Mint("b");
  const std::filesystem::path file =
      staging["physical_address"].get<std::string>().substr(8);
  EXPECT_FALSE(std::filesystem::exists(file.parent_path()));
  std::filesystem::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
  EXPECT_EQ(client_->Link("b", staging).status, 200);
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "b"), IsDigestOf(bytes));
}

class DiscardOnS3Test : public EmulatorFixture {
 protected:
  DiscardOnS3Test() : EmulatorFixture({.discard_bytes = true}) {}
};

TEST_F(DiscardOnS3Test, PartsMakeTheChecksumOfTheWhole) {
  const std::string parts[] = {std::string(kPartSize, 'a'),
                               std::string(kPartSize, 'b'), "tail"};
  nlohmann::json created =
      client_
          ->CallJson("POST", "branches/main/staging/pmpu",
                     {{"path", "a"}, {"parts", "3"}}, nullptr)
          .Json();
  nlohmann::json body = {{"physical_address", created["physical_address"]}};
  std::string md5s;
  for (int i = 0; i < 3; ++i) {
    Answer put = ApiClient::Send("PUT", created["presigned_urls"][i], parts[i]);
    EXPECT_EQ(put.status, 200);
    body["parts"].push_back(
        {{"part_number", i + 1}, {"etag", put.headers["etag"]}});
    md5s += Md5(parts[i]);
  }
  Answer completed =
      client_->CallJson("PUT",
                        absl::StrCat("branches/main/staging/pmpu/",
                                     created["upload_id"].get<std::string>()),
                        {{"path", "a"}}, body);
  EXPECT_EQ(completed.status, 200) << completed.body;
  EXPECT_EQ(completed.Json()["checksum"], absl::StrCat(Hex(Md5(md5s)), "-3"));
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "a"),
              IsDigestOf(parts[0] + parts[1] + parts[2]));
}

class NoMd5Test : public EmulatorFixture {
 protected:
  NoMd5Test() : EmulatorFixture({.etag_md5 = false}) {}
};

TEST_F(NoMd5Test, ETagsAreNoMd5s) {
  nlohmann::json staging;
  Answer put = Put("a", "hello", staging);
  EXPECT_EQ(put.headers["etag"].size(), std::string(kMd5OfHello).size());
  EXPECT_NE(put.headers["etag"], kMd5OfHello);
  EXPECT_NE(Put("a", "hello", staging).headers["etag"], put.headers["etag"]);
}

TEST_F(NoMd5Test, ContentMd5IsCheckedAllTheSame) {
  nlohmann::json staging;
  Answer right = Put("a", "hello", staging,
                     {{"Content-MD5", absl::Base64Escape(Md5("hello"))}});
  EXPECT_EQ(right.status, 200);
  EXPECT_NE(right.headers["etag"], kMd5OfHello);
  EXPECT_EQ(Put("a", "hello", staging,
                {{"Content-MD5", absl::Base64Escape(Md5("other"))}})
                .status,
            400);
}

class KeepTest : public EmulatorFixture {};

TEST_F(KeepTest, DigestsAreThereWithTheBytes) {
  const std::string bytes = "hello";
  nlohmann::json staging;
  Put("a", bytes, staging);
  client_->Link("a", staging);
  EXPECT_THAT(emulator_.DigestObject("repo", "main", "a"), IsDigestOf(bytes));
  EXPECT_THAT(emulator_.ReadObject("repo", "main", "a"), Optional(Eq(bytes)));
  EXPECT_EQ(emulator_.DigestObject("repo", "main", "none").has_value(), false);
}

TEST_F(KeepTest, CommitsCanBeReadByTheirId) {
  nlohmann::json staging;
  Put("a", "old", staging);
  client_->Link("a", staging, {}, "main", {{"size_bytes", 3}});
  std::string id =
      client_->CallJson("POST", "branches/main/commits", {}, {{"message", "x"}})
          .Json()["id"];
  Put("a", "new", staging);
  client_->Link("a", staging, {}, "main", {{"size_bytes", 3}});
  EXPECT_THAT(emulator_.ReadObject("repo", id, "a"), Optional(Eq("old")));
  EXPECT_THAT(emulator_.ReadObject("repo", "main", "a"), Optional(Eq("new")));
}

TEST_F(KeepTest, PresignedReadsTakeRanges) {
  nlohmann::json staging;
  Put("a", "0123456789", staging);
  client_->Link("a", staging, {}, "main", {{"size_bytes", 10}});
  Answer redirect = client_->Call("GET", "repositories/repo/refs/main/objects",
                                  {{"path", "a"}, {"presign", "true"}});
  EXPECT_EQ(redirect.status, 302);
  Answer part = ApiClient::Send("GET", redirect.headers["location"], "",
                                {{"Range", "bytes=2-4"}});
  EXPECT_EQ(part.status, 206);
  EXPECT_EQ(part.body, "234");
}

}  // namespace
}  // namespace lakefs::gateway::testing
