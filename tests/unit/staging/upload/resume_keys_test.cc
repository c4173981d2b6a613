// Whose texts can be unsealed, and by whom.
#include "gateway/staging/upload/resume_keys.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Optional;

std::string KeyLine(char fill) {
  return absl::Base64Escape(std::string(ResumeKeys::kKeyBytes, fill)) + "\n";
}

class ResumeKeysTest : public ::testing::Test {
 protected:
  ResumeKeysTest() {
    std::string name = ::testing::TempDir() + "/resume_keys_XXXXXX";
    folder_ = mkdtemp(name.data());
  }
  ~ResumeKeysTest() override { std::filesystem::remove_all(folder_); }

  std::string Write(const std::string& name, const std::string& text,
                    mode_t mode = 0600) {
    const std::string path = folder_ + "/" + name;
    std::ofstream(path) << text;
    chmod(path.c_str(), mode);
    return path;
  }
  std::unique_ptr<ResumeKeys> Open(const std::string& path) {
    auto keys = ResumeKeys::Open(path, clock_);
    EXPECT_THAT(keys, IsOk());
    return *std::move(keys);
  }

  FakeClock clock_;
  std::string folder_;
};

TEST_F(ResumeKeysTest, WhatOneReplicaSealsAnotherWithTheSameFileUnseals) {
  const std::string path = Write("k", KeyLine('a'));
  const std::string sealed = Open(path)->Seal("text");
  EXPECT_THAT(Open(path)->Unseal(sealed), Optional(std::string("text")));
  EXPECT_EQ(sealed.size(), 4 + ResumeKeys::kOverhead);
  EXPECT_THAT(sealed, Not(HasSubstr("text")));
}

TEST_F(ResumeKeysTest, EachSealIsUnderANonceOfItsOwn) {
  const auto keys = Open("");
  EXPECT_NE(keys->Seal("text"), keys->Seal("text"));
}

TEST_F(ResumeKeysTest, WithoutAFileTheKeyIsTheProcesssOwn) {
  const auto keys = Open("");
  const std::string sealed = keys->Seal("");
  EXPECT_THAT(keys->Unseal(sealed), Optional(std::string()));
  EXPECT_EQ(Open("")->Unseal(sealed), std::nullopt);
}

TEST_F(ResumeKeysTest, WhatIsForgedCutOrChangedIsNotUnsealed) {
  const auto keys = Open("");
  const std::string sealed = keys->Seal("text");
  for (size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_EQ(keys->Unseal(changed), std::nullopt) << i;
    EXPECT_EQ(keys->Unseal(sealed.substr(0, i)), std::nullopt) << i;
  }
  EXPECT_EQ(keys->Unseal(sealed + "x"), std::nullopt);
}

TEST_F(ResumeKeysTest, TheFirstKeySealsAndAllUnseal) {
  const auto old = Open(Write("old", KeyLine('a')));
  const auto both = Open(Write("both", KeyLine('b') + "\n" + KeyLine('a')));
  const auto next = Open(Write("next", KeyLine('b')));
  EXPECT_TRUE(both->Unseal(old->Seal("x")));
  EXPECT_TRUE(next->Unseal(both->Seal("x")));
  EXPECT_FALSE(old->Unseal(both->Seal("x")));
}

TEST_F(ResumeKeysTest, TheFileIsReadAgainAndABadOneChangesNothing) {
  const std::string path = Write("k", KeyLine('a'));
  const auto keys = Open(path);
  const auto other = Open(Write("other", KeyLine('b')));
  Write("k", KeyLine('b'));
  EXPECT_FALSE(other->Unseal(keys->Seal("x")));
  clock_.Advance(seconds(5));
  EXPECT_TRUE(other->Unseal(keys->Seal("x")));
  Write("k", "nothing");
  clock_.Advance(seconds(5));
  EXPECT_TRUE(other->Unseal(keys->Seal("x")));
}

TEST_F(ResumeKeysTest, AFileThatIsNoneIsRefusedWithoutItsContents) {
  const auto refused = [this](const std::string& text, mode_t mode = 0600) {
    const auto keys = ResumeKeys::Open(Write("k", text, mode), clock_);
    EXPECT_THAT(keys, StatusIs(absl::StatusCode::kInvalidArgument));
    return std::string(keys.status().message());
  };
  EXPECT_THAT(refused(KeyLine('a') + "c2VjcmV0\n"), HasSubstr("on line 2"));
  EXPECT_THAT(refused("sesame!"), Not(HasSubstr("sesame")));
  EXPECT_THAT(refused(""), HasSubstr("holds 0 keys"));
  EXPECT_THAT(refused(KeyLine('a'), 0644), HasSubstr("chmod"));
  std::string many;
  for (size_t i = 0; i <= ResumeKeys::kMostKeys; ++i) many += KeyLine('a');
  EXPECT_THAT(refused(many), HasSubstr("holds 17 keys"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
