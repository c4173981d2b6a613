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

TEST_F(SecretFileTest, AWatchTellsOnceWhatHasBecomeUnsafe) {
  SecretFileWatch watch({path_, ""});
  EXPECT_EQ(watch.Look(), 0);
  chmod(path_.c_str(), 0644);
  EXPECT_EQ(watch.Look(), 1);
  EXPECT_EQ(watch.Look(), 0);
  chmod(path_.c_str(), 0600);
  EXPECT_EQ(watch.Look(), 0);
  std::filesystem::remove(path_);
  EXPECT_EQ(watch.Look(), 1);
}

}  // namespace
}  // namespace lakefs::gateway::testing
