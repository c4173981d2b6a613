#include "gateway/staging/intake/integrity.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

Chunk At(int64_t offset, std::string data) {
  return {.write_offset = offset, .data = std::move(data)};
}

// Takes a chunk as an upload does.
absl::Status Add(Integrity& integrity, const Chunk& chunk) {
  const auto crc32c = integrity.Check(chunk);
  if (crc32c.ok()) integrity.Extend(chunk.data, *crc32c);
  return crc32c.status();
}

TEST(IntegrityTest, FollowsSizeAndChecksumOverTheChunks) {
  Integrity integrity(std::nullopt);
  EXPECT_THAT(Add(integrity, At(0, "hel")), IsOk());
  EXPECT_THAT(Add(integrity, At(3, "lo")), IsOk());
  EXPECT_EQ(integrity.size_bytes(), 5);
  EXPECT_EQ(integrity.crc32c(), Crc32c("hello"));
  EXPECT_THAT(integrity.Check({.size_bytes = 5, .crc32c = Crc32c("hello")}),
              IsOk());
}

TEST(IntegrityTest, AGapAnOverlapAndARepeatAreOutOfOrder) {
  for (const int64_t offset : {0, 2, 4}) {
    Integrity integrity(std::nullopt);
    ASSERT_THAT(Add(integrity, At(0, "abc")), IsOk());
    EXPECT_THAT(Add(integrity, At(offset, "d")),
                HasReason(Reason::kBadFrameOrder));
  }
}

TEST(IntegrityTest, TheAnnouncedSizeIsMetExactly) {
  Integrity more(2);
  EXPECT_THAT(Add(more, At(0, "abc")), HasReason(Reason::kSizeMismatch));
  Integrity less(4);
  ASSERT_THAT(Add(less, At(0, "abc")), IsOk());
  EXPECT_THAT(less.Check({.size_bytes = 3}), HasReason(Reason::kSizeMismatch));
  Integrity said(3);
  ASSERT_THAT(Add(said, At(0, "abc")), IsOk());
  EXPECT_THAT(said.Check({.size_bytes = 4}), HasReason(Reason::kSizeMismatch));
  EXPECT_THAT(said.Check({.size_bytes = 3}), IsOk());
}

TEST(IntegrityTest, WrongChecksumsAreCaught) {
  Integrity integrity(std::nullopt);
  Chunk wrong = At(0, "abc");
  wrong.crc32c = 1;
  EXPECT_THAT(Add(integrity, wrong), HasReason(Reason::kChecksumMismatch));
  ASSERT_THAT(Add(integrity, At(0, "abc")), IsOk());
  EXPECT_THAT(integrity.Check({.size_bytes = 3, .crc32c = 1}),
              HasReason(Reason::kChecksumMismatch));
}

TEST(IntegrityTest, ChunksOf1ByteTo4MiBAreTaken) {
  Integrity integrity(std::nullopt);
  EXPECT_THAT(Add(integrity, At(0, "")), HasReason(Reason::kInvalidRequest));
  EXPECT_THAT(Add(integrity, At(0, std::string((4 << 20) + 1, 'x'))),
              HasReason(Reason::kInvalidRequest));
  EXPECT_THAT(Add(integrity, At(0, std::string(4 << 20, 'x'))), IsOk());
}

// Source of the digests: sha256sum and md5sum of "hello".
TEST(DigesterTest, TheCallersDigestsAreCompared) {
  const std::string sha256 = absl::HexStringToBytes(
      "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  const std::string md5 =
      absl::HexStringToBytes("5d41402abc4b2a76b9719d911017c592");
  const auto check = [](const Finish& finish) {
    Digester digester(true, true);
    digester.Add("hel");
    digester.Add("lo");
    return digester.Check(finish);
  };
  EXPECT_THAT(check({.sha256 = sha256, .md5 = md5}), IsOk());
  EXPECT_THAT(check({}), IsOk());
  EXPECT_THAT(check({.sha256 = std::string(32, 'x')}),
              HasReason(Reason::kChecksumMismatch));
  EXPECT_THAT(check({.sha256 = sha256, .md5 = "short"}),
              HasReason(Reason::kChecksumMismatch));
}

TEST(DigesterTest, ACloneGoesOnByItself) {
  Digester digester(false, true);
  digester.Add("hel");
  Digester clone = digester.Clone();
  digester.Add("p");
  clone.Add("lo");
  const std::string md5 =
      absl::HexStringToBytes("5d41402abc4b2a76b9719d911017c592");
  EXPECT_THAT(clone.Check({.md5 = md5}), IsOk());
  EXPECT_THAT(digester.Check({.md5 = md5}),
              HasReason(Reason::kChecksumMismatch));
}

TEST(DigesterTest, ADigestThatWasNotComputedCannotBeChecked) {
  Digester digester(true, false);
  EXPECT_THAT(digester.Check({.md5 = std::string(16, 'x')}),
              HasReason(Reason::kInvalidRequest));
}

}  // namespace
}  // namespace lakefs::gateway::testing
