#include "gateway/objectstore/local_store.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>

#include "tests/unit/objectstore/store_fixture.h"

namespace lakefs::gateway::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class LocalStoreTest : public StoreFixture {
 protected:
  ~LocalStoreTest() override { fs::remove_all(root_); }

  static StagingLocation At(const std::string& path) {
    return {.physical_address = "local:///lake/" + path};
  }
  std::optional<std::string> Read(const std::string& path) {
    std::ifstream file(root_ / "mount" / path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
  }
  std::vector<std::string> Files() {
    std::vector<std::string> files;
    for (const auto& entry : fs::recursive_directory_iterator(root_)) {
      if (!entry.is_directory()) files.push_back(entry.path().filename());
    }
    return files;
  }

  static fs::path MakeRoot() {
    std::string name = (fs::temp_directory_path() / "staging-XXXXXX").string();
    const fs::path root = mkdtemp(name.data());
    fs::create_directory(root / "mount");
    return root;
  }

  const fs::path root_ = MakeRoot();
  LocalStore store_{
      {.lakefs_root = "/lake", .mount = (root_ / "mount").string()}};
};

TEST_F(LocalStoreTest, PutsTheFileOfTheAddressUnderTheMount) {
  const auto stored =
      store_.Put(context_, At("repo/data/a/x"), RopeOf("hello"), "");
  ASSERT_THAT(stored, IsOk());
  EXPECT_EQ(stored->checksum, "crc32c-9a71bb4c-5");
  EXPECT_EQ(Read("repo/data/a/x"), "hello");
  EXPECT_EQ(Files(), std::vector<std::string>{"x"}) << "nothing else stays";
  struct stat info {};
  stat((root_ / "mount/repo/data/a/x").c_str(), &info);
  EXPECT_EQ(info.st_mode & 0777, 0644U & ~umask(umask(0)))
      << "lakeFS may be another user";
}

TEST_F(LocalStoreTest, PartsInAnyOrderMakeTheWhole) {
  auto upload = store_.BeginParts(context_, At("repo/x"), 4, "").value();
  EXPECT_THAT(upload->PutPart(context_, 2, RopeOf("o")), IsOk());
  EXPECT_THAT(upload->PutPart(context_, 1, RopeOf("fail")), IsOk());
  EXPECT_THAT(upload->PutPart(context_, 1, RopeOf("hell")), IsOk());
  EXPECT_EQ(Read("repo/x"), std::nullopt) << "nobody reads half an object";
  for (int i = 0; i < 2; ++i) {
    const auto stored = upload->Complete(context_, {});
    ASSERT_THAT(stored, IsOk());
    EXPECT_EQ(stored->checksum, "crc32c-9a71bb4c-5");
  }
  EXPECT_EQ(Read("repo/x"), "hello");
}

TEST_F(LocalStoreTest, WhatIsAbortedOrForgottenLeavesNoFile) {
  {
    auto upload = store_.BeginParts(context_, At("repo/x"), 4, "").value();
    EXPECT_THAT(upload->PutPart(context_, 1, RopeOf("hell")), IsOk());
    EXPECT_THAT(upload->Abort(context_), IsOk());
    EXPECT_THAT(Files(), IsEmpty());
    auto forgotten = store_.BeginParts(context_, At("repo/y"), 4, "").value();
    EXPECT_EQ(Files().size(), 1U);
  }
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(LocalStoreTest, AddressesThatLeadElsewhereAreRefused) {
  for (const char* address :
       {"s3://b/x", "local:///lake", "local:///lakes/x", "local://lake/x",
        "local:///lake/../etc/x", "local:///lake/a/../../x",
        "local:///lake/./x", "local:///lake//x", "local:///lake/x/", ""}) {
    const auto stored =
        store_.Put(context_, {.physical_address = address}, RopeOf("x"), "");
    EXPECT_THAT(stored, StatusIs(absl::StatusCode::kFailedPrecondition))
        << address;
  }
  EXPECT_THAT(store_.Put(context_, At(std::string("a\0b", 3)), RopeOf("x"), ""),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(LocalStoreTest, LinksInTheFolderAreNotFollowed) {
  fs::create_directory(root_ / "outside");
  fs::create_directory_symlink(root_ / "outside", root_ / "mount/repo");
  EXPECT_THAT(store_.Put(context_, At("repo/x"), RopeOf("x"), ""),
              HasReason(Reason::kStoreRejected));
  EXPECT_TRUE(fs::is_empty(root_ / "outside"));
}

TEST_F(LocalStoreTest, AMountThatIsNotThereIsNamed) {
  fs::remove_all(root_ / "mount");
  const auto stored = store_.Put(context_, At("repo/x"), RopeOf("x"), "");
  EXPECT_THAT(stored, StatusIs(absl::StatusCode::kInternal));
  EXPECT_THAT(stored.status().ToString(), HasSubstr("/mount"));
}

// A file that may not grow any more, for a disk that is full.
TEST_F(LocalStoreTest, ADiskThatTakesNoMoreIsAnErrorAndLeavesNothing) {
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const rlimit small{.rlim_cur = 1000, .rlim_max = old.rlim_max};
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &small);
  const auto stored =
      store_.Put(context_, At("repo/x"), RopeOf(std::string(5000, 'x')), "");
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(stored, HasReason(Reason::kStoreRejected));
  EXPECT_THAT(stored.status().ToString(), HasSubstr("write a file"));
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(LocalStoreTest, ACallThatIsOverWritesNoMore) {
  context_.Cancel();
  EXPECT_THAT(store_.Put(context_, At("repo/x"), RopeOf("x"), ""),
              StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Files(), IsEmpty());
}

}  // namespace
}  // namespace lakefs::gateway::testing
