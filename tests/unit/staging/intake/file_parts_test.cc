#include "gateway/staging/intake/file_parts.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "gateway/base/crc32c.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;

class FilePartsTest : public ::testing::Test {
 protected:
  FilePartsTest() {
    fs::create_directories(folder_);
    fs::permissions(folder_, fs::perms(0755));
    folders_ = *SharedFolders::Open({{"/shared", folder_.string()}});
  }
  ~FilePartsTest() override { fs::remove_all(folder_); }

  SharedFile FileOf(const std::string& text) {
    std::ofstream(path_) << text;
    fs::permissions(path_, fs::perms(0644));
    return *folders_->OpenFile("/shared/f", {});
  }
  void Overwrite(const std::string& text, off_t offset = 0) {
    const Fd file(open(path_.c_str(), O_WRONLY));
    ASSERT_EQ(pwrite(file.get(), text.data(), text.size(), offset),
              static_cast<ssize_t>(text.size()));
  }
  static absl::StatusOr<std::string> Read(const Rope& rope) {
    std::string all;
    const auto read = rope.Reader();
    char buffer[3];
    while (true) {
      const auto n = read(buffer);
      if (!n.ok()) return n.status();
      if (*n == 0) return all;
      all.append(buffer, *n);
    }
  }
  // All parts, in order.
  static absl::StatusOr<std::string> ReadAll(FileParts& parts, int64_t size) {
    std::string all;
    while (!parts.ended()) {
      const auto part = parts.Next(size);
      if (!part.ok()) return part.status();
      const auto text = Read(part->bytes);
      if (!text.ok()) return text.status();
      all += *text;
    }
    return all;
  }
  static auto IsSourceChanged() {
    return AllOf(StatusIs(absl::StatusCode::kAborted),
                 HasReason(Reason::kSourceChanged));
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / absl::StrCat("file_parts_", getpid());
  const fs::path path_ = folder_ / "f";
  std::unique_ptr<SharedFolders> folders_;
  UploadProgress progress_;
};

TEST_F(FilePartsTest, PartsAreTheFileAndItsSumIsTheirs) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, Crc32c("hello world"), progress_);
  EXPECT_EQ(parts.size_bytes(), 11);
  EXPECT_THAT(ReadAll(parts, 4), IsOkAndHolds("hello world"));
  EXPECT_EQ(parts.crc32c(), Crc32c("hello world"));
  EXPECT_THAT(parts.CheckSent(), IsOk());
  EXPECT_EQ(progress_.received_bytes, 11);
}

TEST_F(FilePartsTest, AnEmptyFileIsOneEmptyPart) {
  const SharedFile file = FileOf("");
  FileParts parts(file, Crc32c(""), progress_);
  EXPECT_THAT(ReadAll(parts, 4), IsOkAndHolds(""));
  EXPECT_TRUE(parts.ended());
  EXPECT_THAT(parts.CheckSent(), IsOk());
  EXPECT_EQ(parts.crc32c(), 0U);
}

TEST_F(FilePartsTest, APartThatIsReadTwiceCountsOnce) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, std::nullopt, progress_);
  const Part first = *parts.Next(6);
  const Part second = *parts.Next(6);
  for (const Part* part : {&second, &first, &second}) {
    EXPECT_THAT(Read(part->bytes), IsOk());
  }
  EXPECT_EQ(parts.crc32c(), Crc32c("hello world"));
  EXPECT_EQ(progress_.received_bytes, 11);
}

TEST_F(FilePartsTest, ItBeginsAnewInPartsOfAnySize) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, std::nullopt, progress_);
  ASSERT_THAT(ReadAll(parts, 4), IsOk());
  ASSERT_TRUE(parts.Restart());
  EXPECT_THAT(ReadAll(parts, 5), IsOkAndHolds("hello world"));
  EXPECT_THAT(parts.CheckSent(), IsOk());
}

TEST_F(FilePartsTest, WhatNobodyHasReadIsReadBeforeTheWholeIsJudged) {
  const SharedFile file = FileOf("hello world");
  FileParts right(file, Crc32c("hello world"), progress_);
  FileParts wrong(file, 1, progress_);
  for (FileParts* parts : {&right, &wrong}) {
    const Part first = *parts->Next(6);
    ASSERT_THAT(Read(first.bytes), IsOk());
    ASSERT_THAT(parts->Next(6), IsOk());
    EXPECT_EQ(parts->crc32c(), std::nullopt);
  }
  EXPECT_THAT(right.CheckSent(), IsOk());
  EXPECT_EQ(right.crc32c(), Crc32c("hello world"));
  EXPECT_THAT(wrong.CheckSent(),
              AllOf(StatusIs(absl::StatusCode::kInvalidArgument),
                    HasReason(Reason::kChecksumMismatch)));
}

TEST_F(FilePartsTest, AFileThatIsCutEndsThePartInHand) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, std::nullopt, progress_);
  const Part whole = *parts.Next(11);
  fs::resize_file(path_, 5);
  EXPECT_THAT(Read(whole.bytes), IsSourceChanged());
  EXPECT_THAT(parts.CheckSent(), IsSourceChanged());
}

TEST_F(FilePartsTest, TheLastBytesOfAPartAreNotHandedOutOnceItHasChanged) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, std::nullopt, progress_);
  const Part whole = *parts.Next(11);
  const auto read = whole.bytes.Reader();
  std::string text(8, '\0');
  ASSERT_THAT(read(text), IsOkAndHolds(size_t{8}));
  Overwrite("H");
  EXPECT_THAT(read(text), IsSourceChanged());
}

TEST_F(FilePartsTest, AChangeBehindWhatWasReadIsFoundAtTheEnd) {
  const SharedFile file = FileOf("hello world");
  FileParts parts(file, std::nullopt, progress_);
  ASSERT_THAT(ReadAll(parts, 4), IsOk());
  std::ofstream(path_, std::ios::app) << "!";
  EXPECT_THAT(parts.CheckSent(), IsSourceChanged());
}

TEST_F(FilePartsTest, AFileThatCannotBeReadIsNoStoreError) {
  Rope rope;
  const Fd folder(open("/", O_RDONLY | O_DIRECTORY));
  rope.AppendFile(folder.get(), 0, 5);
  absl::Status told;
  rope.set_judge([&](const absl::StatusOr<uint32_t>& crc32c) {
    told = crc32c.status();
    return absl::AbortedError("judged");
  });
  EXPECT_THAT(Read(rope), StatusIs(absl::StatusCode::kAborted));
  EXPECT_THAT(told, StatusIs(absl::StatusCode::kInternal));
}

}  // namespace
}  // namespace lakefs::gateway::testing
