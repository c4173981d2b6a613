#include "gateway/http/rope.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#include "gateway/base/crc32c.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

class RopeTest : public ::testing::Test {
 protected:
  // "head" in memory, and `text` from a file.
  Rope WithFile(const std::string& text) {
    EXPECT_EQ(pwrite(fileno(file_.get()), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    Rope rope;
    rope.Append("head");
    rope.AppendFile(fileno(file_.get()), 0, text.size());
    return rope;
  }
  // All that its reader gives, a few bytes at a time, until the end or an
  // error.
  static std::pair<absl::Status, std::string> Read(const Rope& rope) {
    std::string all;
    const auto read = rope.Reader();
    char buffer[3];
    while (true) {
      const auto n = read(buffer);
      if (!n.ok() || *n == 0) return {n.status(), all};
      all.append(buffer, *n);
    }
  }

  std::unique_ptr<FILE, int (*)(FILE*)> file_{tmpfile(), fclose};
};

TEST_F(RopeTest, PiecesOfMemoryAndFilesComeInTheirOrder) {
  Rope rope = WithFile("body and tail");
  EXPECT_EQ(Read(rope).second, "headbody and tail");
  rope.set_crc32c(Crc32c("headbody and tail"));
  EXPECT_THAT(Read(rope).first, IsOk());
  EXPECT_THAT(Read(rope).first, IsOk()) << "each reader for itself";
}

TEST_F(RopeTest, AFileThatGivesBackOtherBytesIsFoundOutBeforeTheLast) {
  Rope rope = WithFile("body and tail");
  rope.set_crc32c(Crc32c("headbody and tail"));
  ASSERT_EQ(pwrite(fileno(file_.get()), "B", 1, 0), 1);
  const auto [status, text] = Read(rope);
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(status, HasReason(Reason::kChecksumMismatch));
  EXPECT_LT(text.size(), rope.size_bytes());
}

TEST_F(RopeTest, WhatIsKnownOfItEndsWithAnAppend) {
  Rope rope;
  rope.Append("a");
  rope.set_crc32c(1);
  rope.set_md5("2");
  rope.Append("b");
  EXPECT_EQ(rope.crc32c(), std::nullopt);
  EXPECT_EQ(rope.md5(), "");
  rope.set_crc32c(1);
  rope.AppendFile(fileno(file_.get()), 0, 1);
  EXPECT_EQ(rope.crc32c(), std::nullopt);
}

}  // namespace
}  // namespace lakefs::gateway::testing
