#include "client/file_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "client/failure.h"
#include "client/memory_source.h"
#include "tests/unit/client/temporary_file.h"

namespace lakefs::staging::testing {
namespace {

using ::testing::HasSubstr;

std::string ReadAll(Source& source, size_t step) {
  std::string all;
  std::string buffer(step, '\0');
  for (;;) {
    const auto size = source.Read(buffer.data(), step);
    EXPECT_TRUE(size.ok()) << size.status();
    if (!size.ok() || *size == 0) return all;
    all.append(buffer, 0, *size);
  }
}

TEST(FileSourceTest, RegularFileHasItsSizeAndCanBeReadAgain) {
  const TemporaryFile file("0123456789");
  const auto source = FileSource::Open(file.name());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->size_bytes(), 10);
  EXPECT_TRUE((*source)->can_rewind());
  EXPECT_EQ(ReadAll(**source, 4), "0123456789");
  ASSERT_TRUE((*source)->Seek(7).ok());
  EXPECT_EQ(ReadAll(**source, 4), "789");
  EXPECT_FALSE((*source)->Seek(11).ok());
  EXPECT_FALSE((*source)->Seek(-1).ok());
}

TEST(FileSourceTest, EmptyFileHasNoBytes) {
  const TemporaryFile file("");
  const auto source = FileSource::Open(file.name());
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->size_bytes(), 0);
  EXPECT_EQ(ReadAll(**source, 4), "");
}

TEST(FileSourceTest, FileOfTheKernelIsReadToItsEndThoughItsSizeIsZero) {
  const auto source = FileSource::Open("/proc/self/cmdline");
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_FALSE((*source)->size_bytes().has_value());
  EXPECT_FALSE((*source)->can_rewind());
  EXPECT_THAT(ReadAll(**source, 3), HasSubstr("test"));
}

TEST(FileSourceTest, FileThatShrinksOrGrowsIsNotReadToItsEnd) {
  for (const int size : {5, 15}) {
    const TemporaryFile file("0123456789");
    const auto source = FileSource::Open(file.name());
    ASSERT_TRUE(source.ok()) << source.status();
    // The size alone must tell: clocks of file systems can be coarse.
    const auto time = std::filesystem::last_write_time(file.name());
    std::filesystem::resize_file(file.name(), size);
    std::filesystem::last_write_time(file.name(), time);
    char buffer[20];
    const auto read = (*source)->Read(buffer, sizeof(buffer));
    EXPECT_EQ(FailureOf(read.status()).reason, kSourceChanged);
  }
}

TEST(FileSourceTest, ErrorsNameTheFile) {
  const auto missing = FileSource::Open("/nowhere/x\ny");
  EXPECT_EQ(missing.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("cannot read \"/nowhere/x\\ny\": No such file"));
  const auto folder = FileSource::Open("/tmp");
  EXPECT_EQ(folder.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(folder.status().message()),
              HasSubstr("\"/tmp\": Is a directory"));
}

TEST(FileSourceTest, InterruptEndsARead) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const auto source =
      FileSource::Open("/proc/self/fd/" + std::to_string(ends[0]));
  ASSERT_TRUE(source.ok()) << source.status();
  std::thread interrupter([&] { (*source)->Interrupt(); });
  char byte;
  EXPECT_EQ((*source)->Read(&byte, 1).status().code(),
            absl::StatusCode::kCancelled);
  interrupter.join();
  close(ends[0]);
  close(ends[1]);
}

TEST(MemorySourceTest, IsReadAndReadAgain) {
  MemorySource source("0123456789");
  EXPECT_EQ(source.size_bytes(), 10);
  EXPECT_EQ(ReadAll(source, 3), "0123456789");
  ASSERT_TRUE(source.Seek(8).ok());
  EXPECT_EQ(ReadAll(source, 3), "89");
  EXPECT_FALSE(source.Seek(11).ok());
}

}  // namespace
}  // namespace lakefs::staging::testing
