#include "gateway/base/secret_file.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

class SecretFileTest : public ::testing::Test {
 protected:
  SecretFileTest() {
    char name[] = "/tmp/secret-file-test-XXXXXX";
    folder_ = mkdtemp(name);
    path_ = folder_ + "/key";
    std::ofstream(path_) << " secret\n";
    chmod(path_.c_str(), 0600);
  }
  ~SecretFileTest() override { std::filesystem::remove_all(folder_); }

  std::string folder_;
  std::string path_;
};

TEST_F(SecretFileTest, OnlyOwnerAndGroupMayReadAndOnlyTheOwnerWrite) {
  EXPECT_THAT(ReadSecretFile(path_), IsOkAndHolds(std::string("secret")));
  for (const mode_t mode : {0400, 0440, 0640}) {
    chmod(path_.c_str(), mode);
    EXPECT_THAT(CheckSecretFile(path_), IsOk()) << mode;
  }
  for (const mode_t mode : {0644, 0604, 0602, 0660}) {
    chmod(path_.c_str(), mode);
    EXPECT_THAT(CheckSecretFile(path_),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << mode;
    EXPECT_FALSE(ReadSecretFile(path_).ok()) << mode;
  }
}

TEST_F(SecretFileTest, WhatIsTooLargeOrNoFileIsRefusedAndNotCutOff) {
  std::ofstream(path_) << std::string(64 << 10, 'x');
  EXPECT_THAT(ReadSecretFile(path_), IsOk());
  std::ofstream(path_) << std::string((64 << 10) + 1, 'x');
  EXPECT_THAT(ReadSecretFile(path_),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ReadFile(path_), IsOk());
  EXPECT_FALSE(ReadFile(folder_).ok());
  const std::string pipe = folder_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_FALSE(ReadFile(pipe).ok());
  EXPECT_FALSE(ReadSecretFile(pipe).ok());
}

TEST_F(SecretFileTest, AFileThatAnybodyMayReadIsReadAsItStands) {
  chmod(path_.c_str(), 0644);
  EXPECT_THAT(ReadFile(path_), IsOkAndHolds(std::string(" secret\n")));
  EXPECT_FALSE(ReadFile("/nonexistent").ok());
}

}  // namespace
}  // namespace lakefs::gateway::testing
