#include "gateway/staging/intake/shared_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A user that is not the one of this test, and in none of its groups.
const FileUser kStranger{.uid = 4'200'000, .gid = 4'200'000};

class SharedFileTest : public ::testing::Test {
 protected:
  SharedFileTest() {
    fs::create_directories(shared_);
    fs::permissions(folder_, fs::perms(0755));
    fs::permissions(shared_, fs::perms(0777));
    folders_ = *SharedFolders::Open({{"/callers", shared_.string()}});
  }
  ~SharedFileTest() override { fs::remove_all(folder_); }

  void Write(const fs::path& path, const std::string& text, int mode = 0644) {
    std::ofstream(path) << text;
    fs::permissions(path, fs::perms(mode));
  }
  absl::StatusOr<SharedFile> Open(const std::string& name,
                                  const std::optional<FileUser>& user = {}) {
    return folders_->OpenFile("/callers/" + name, user);
  }
  static std::string TextOf(const SharedFile& file) {
    std::string text(static_cast<size_t>(file.size_bytes()), '\0');
    EXPECT_EQ(pread(file.fd(), text.data(), text.size(), 0),
              static_cast<ssize_t>(text.size()));
    return text;
  }
  void ExpectRefused(const std::string& name,
                     const std::optional<FileUser>& user = {}) {
    const auto file = Open(name, user);
    EXPECT_THAT(file, AllOf(StatusIs(absl::StatusCode::kPermissionDenied),
                            HasReason(Reason::kSourceRefused)))
        << name;
  }

  const fs::path folder_ =
      fs::path(::testing::TempDir()) / absl::StrCat("shared_file_", getpid());
  const fs::path shared_ = folder_ / "shared";
  std::unique_ptr<SharedFolders> folders_;
};

TEST_F(SharedFileTest, AFileIsOpenedByTheNameThatCallersHaveForIt) {
  fs::create_directories(shared_ / "a/b");
  Write(shared_ / "a/b/f", "hello");
  const auto file = Open("a/b/f");
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ(TextOf(*file), "hello");
  EXPECT_THAT(Open("a/./b/../b/f"), IsOk());
  EXPECT_FALSE(file->Changed());
}

TEST_F(SharedFileTest, TheInnermostFolderCounts) {
  fs::create_directories(shared_ / "in");
  fs::create_directories(folder_ / "other");
  Write(shared_ / "in/f", "outer");
  Write(folder_ / "other/f", "inner");
  folders_ =
      *SharedFolders::Open({{"/callers", shared_.string()},
                            {"/callers/in", (folder_ / "other").string()}});
  EXPECT_EQ(TextOf(*Open("in/f")), "inner");
}

TEST_F(SharedFileTest, WhatIsInNoSharedFolderIsRefused) {
  Write(folder_ / "outside", "secret");
  ExpectRefused("../outside");
  ExpectRefused("a/../../outside");
  ExpectRefused("..");
  for (const std::string& path :
       {(folder_ / "outside").string(), std::string("/callers"),
        std::string("/callersf"), std::string("/etc/hostname")}) {
    EXPECT_THAT(folders_->OpenFile(path, {}), HasReason(Reason::kSourceRefused))
        << path;
  }
  for (const std::string& path :
       {std::string(), std::string("callers/f"), std::string("/callers/f/"),
        std::string("/callers/a\0b", 12)}) {
    EXPECT_THAT(folders_->OpenFile(path, {}),
                HasReason(Reason::kInvalidRequest));
  }
}

TEST_F(SharedFileTest, LinksLeadNowhereOutside) {
  Write(folder_ / "outside", "secret");
  fs::create_directories(shared_ / "inside");
  Write(shared_ / "inside/f", "hello");
  fs::create_symlink(folder_ / "outside", shared_ / "absolute");
  fs::create_symlink("../outside", shared_ / "relative");
  fs::create_directory_symlink("..", shared_ / "up");
  fs::create_directory_symlink(folder_, shared_ / "away");
  for (const char* name : {"absolute", "relative", "up/outside", "away/outside",
                           "up/shared/inside/f"}) {
    ExpectRefused(name);
  }
  fs::create_directory_symlink("inside", shared_ / "same");
  EXPECT_EQ(TextOf(*Open("same/f")), "hello") << "within it they may lead";
  fs::create_symlink("inside/f", shared_ / "last");
  ExpectRefused("last");
}

TEST_F(SharedFileTest, LinksOfProcLeadNowhere) {
  Write(folder_ / "outside", "secret");
  const Fd secret(open((folder_ / "outside").c_str(), O_RDONLY));
  const auto proc = SharedFolders::Open({{"/proc", "/proc"}});
  ASSERT_THAT(proc, IsOk());
  for (const std::string& path :
       {absl::StrCat("/proc/self/fd/", secret.get()),
        std::string("/proc/self/root/etc/hostname"),
        absl::StrCat("/proc/self/cwd/", "f"), std::string("/proc/self/environ"),
        std::string("/proc/version")}) {
    EXPECT_THAT((*proc)->OpenFile(path, {}), HasReason(Reason::kSourceRefused))
        << path;
  }
  fs::create_symlink(absl::StrCat("/proc/self/fd/", secret.get()),
                     shared_ / "link");
  ExpectRefused("link");
}

// Nobody waits for the other end of a FIFO, and who waits at it is not let go.
TEST_F(SharedFileTest, WhatIsNoRegularFileIsNotTouched) {
  ASSERT_EQ(mkfifo((shared_ / "fifo").c_str(), 0644), 0);
  ExpectRefused("fifo");
  EXPECT_EQ(open((shared_ / "fifo").c_str(), O_WRONLY | O_NONBLOCK), -1);
  EXPECT_EQ(errno, ENXIO) << "somebody has it open for reading";
  fs::create_directories(shared_ / "folder");
  ExpectRefused("folder");
  ExpectRefused("folder/.");
  const auto devices = SharedFolders::Open({{"/dev", "/dev"}});
  ASSERT_THAT(devices, IsOk());
  for (const char* path : {"/dev/null", "/dev/zero", "/dev/tty"}) {
    EXPECT_THAT((*devices)->OpenFile(path, {}),
                HasReason(Reason::kSourceRefused));
  }
}

TEST_F(SharedFileTest, WhatIsNotThereIsSaidToBe) {
  EXPECT_THAT(Open("none"), AllOf(StatusIs(absl::StatusCode::kNotFound),
                                  HasReason(Reason::kSourceRefused)));
  ExpectRefused("none/f");
}

TEST_F(SharedFileTest, ItsModeSaysWhoMayReadIt) {
  const FileUser owner{.uid = geteuid(), .gid = 4'200'000};
  const FileUser member{.uid = 4'200'000, .gid = getegid()};
  const FileUser also_member{
      .uid = 4'200'000, .gid = 4'200'000, .groups = {7, getegid()}};
  const std::optional<FileUser> users[] = {owner, member, also_member,
                                           kStranger, std::nullopt};
  const struct {
    int mode;
    bool may[5];
  } rows[] = {{0600, {true, false, false, false, false}},
              {0640, {true, true, true, false, false}},
              {0644, {true, true, true, true, true}},
              {0604, {true, false, false, true, true}}};
  for (const auto& row : rows) {
    Write(shared_ / "f", "hello", row.mode);
    for (int i = 0; i < 5; ++i) {
      EXPECT_EQ(Open("f", users[i]).ok(), row.may[i])
          << std::oct << row.mode << " " << i;
    }
  }
  Write(shared_ / "f", "hello", 0044);
  if (geteuid() != 0) {
    EXPECT_THAT(Open("f", owner), HasReason(Reason::kSourceRefused));
  }
  Write(shared_ / "f", "hello", 0600);
  EXPECT_THAT(Open("f", FileUser{.uid = 0, .gid = 0}), IsOk());
}

// A hard link is the file itself, wherever it has another name, and its rights
// are all that keeps its bytes from somebody.
TEST_F(SharedFileTest, AHardLinkIsReadByWhoMayReadTheFile) {
  Write(folder_ / "outside", "hello", 0600);
  fs::create_hard_link(folder_ / "outside", shared_ / "hard");
  ExpectRefused("hard", kStranger);
  ExpectRefused("hard");
  fs::permissions(folder_ / "outside", fs::perms(0644));
  EXPECT_THAT(Open("hard", kStranger), IsOk());
}

TEST_F(SharedFileTest, EachFolderOnTheWayMustLetItsCallerThrough) {
  fs::create_directories(shared_ / "closed/open");
  Write(shared_ / "closed/open/f", "hello");
  EXPECT_THAT(Open("closed/open/f", kStranger), IsOk());
  fs::permissions(shared_ / "closed", fs::perms(0700));
  ExpectRefused("closed/open/f", kStranger);
  ExpectRefused("closed/open/f");
  ExpectRefused("closed/open/none");
  // A link does not lead around it.
  fs::create_directory_symlink("closed/open", shared_ / "around");
  ExpectRefused("around/f", kStranger);
  fs::permissions(shared_ / "closed", fs::perms(0711));
  EXPECT_THAT(Open("around/f", kStranger), IsOk());
  fs::permissions(shared_, fs::perms(0700));
  ExpectRefused("around/f", kStranger);
}

TEST_F(SharedFileTest, AnAccessListCountsAsTheKernelCountsIt) {
  // The owner rw-, uid 4200000 ACCESS, its group ---, a mask, others r--.
  const auto list = [](uint16_t named, uint16_t mask) {
    const uint32_t none = ~0U;
    std::string bytes("\2\0\0\0", 4);
    const auto add = [&](uint16_t tag, uint16_t rights, uint32_t id) {
      bytes.append(reinterpret_cast<const char*>(&tag), sizeof(tag));
      bytes.append(reinterpret_cast<const char*>(&rights), sizeof(rights));
      bytes.append(reinterpret_cast<const char*>(&id), sizeof(id));
    };
    add(0x01, 6, none);
    add(0x02, named, 4'200'000);
    add(0x04, 0, none);
    add(0x08, 4, 4'300'000);
    add(0x10, mask, none);
    add(0x20, 4, none);
    return bytes;
  };
  Write(shared_ / "f", "hello");
  const auto set = [&](const std::string& bytes) {
    return setxattr((shared_ / "f").c_str(), "system.posix_acl_access",
                    bytes.data(), bytes.size(), 0) == 0;
  };
  if (!set(list(4, 4))) GTEST_SKIP() << "the file system has no access lists";
  const FileUser other{.uid = 5, .gid = 5};
  const FileUser member{.uid = 5, .gid = 4'300'000};
  EXPECT_THAT(Open("f", kStranger), IsOk());
  EXPECT_THAT(Open("f", member), IsOk());
  EXPECT_THAT(Open("f", other), IsOk());
  ASSERT_TRUE(set(list(0, 4)));
  ExpectRefused("f", kStranger);
  EXPECT_THAT(Open("f", other), IsOk());
  ASSERT_TRUE(set(list(4, 0)));
  ExpectRefused("f", kStranger);
  ExpectRefused("f", member);
  EXPECT_THAT(Open("f", other), IsOk());
}

TEST_F(SharedFileTest, EveryChangeShows) {
  const auto path = shared_ / "f";
  const std::pair<const char*, std::function<void()>> changes[] = {
      {"rewritten", [&] { std::ofstream(path, std::ios::in) << "HELLO"; }},
      {"grown", [&] { std::ofstream(path, std::ios::app) << "more"; }},
      {"cut", [&] { fs::resize_file(path, 3); }},
      {"deleted", [&] { fs::remove(path); }},
      {"replaced",
       [&] {
         Write(shared_ / "new", "hello");
         fs::rename(shared_ / "new", path);
       }},
      {"rewritten, and its time put back",
       [&] {
         const auto time = fs::last_write_time(path);
         std::ofstream(path, std::ios::in) << "HELLO";
         fs::last_write_time(path, time);
       }},
  };
  for (const auto& [name, change] : changes) {
    Write(path, "hello");
    const auto file = Open("f");
    ASSERT_THAT(file, IsOk());
    EXPECT_FALSE(file->Changed());
    change();
    EXPECT_TRUE(file->Changed()) << name;
  }
}

TEST_F(SharedFileTest, AWrongFolderIsNamedAtTheStart) {
  Write(folder_ / "file", "");
  for (const fs::path& folder : {folder_ / "none", folder_ / "file"}) {
    const auto folders = SharedFolders::Open({{"/x", folder.string()}});
    EXPECT_THAT(folders, StatusIs(absl::StatusCode::kInvalidArgument));
    EXPECT_THAT(std::string(folders.status().message()),
                AllOf(HasSubstr("--source-root: "), HasSubstr(folder)));
  }
}

// As a kernel before 5.6 answers: for one thread, which then ends.
TEST_F(SharedFileTest, ASystemThatCannotKeepALookUpInsideIsNamedAtTheStart) {
  absl::Status status;
  std::thread([&] {
    sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    const sock_fprog program{.len = std::size(code), .filter = code};
    ASSERT_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    ASSERT_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
    status = SharedFolders::Open({{"/x", shared_.string()}}).status();
  }).join();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("openat2"));
}

}  // namespace
}  // namespace lakefs::gateway::testing
