#include "gateway/process/memory_limit.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

namespace lakefs::gateway {
namespace {

class MemoryLimitTest : public ::testing::Test {
 protected:
  MemoryLimitTest() {
    char name[] = "/tmp/memory-limit-test-XXXXXX";
    root_ = mkdtemp(name);
  }
  ~MemoryLimitTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = root_ + path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }

  std::string root_;
};

TEST_F(MemoryLimitTest, WhatShowsNothingHasNone) {
  EXPECT_EQ(MemoryLimit(root_), std::nullopt);
  Write("/proc/self/cgroup", "0::/\n");
  EXPECT_EQ(MemoryLimit(root_), std::nullopt);
}

TEST_F(MemoryLimitTest, AContainerShowsItsOwnAtTheTop) {
  Write("/proc/self/cgroup", "0::/\n");
  Write("/sys/fs/cgroup/memory.max", "469762048\n");
  EXPECT_EQ(MemoryLimit(root_), 448 << 20);
  Write("/sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(MemoryLimit(root_), std::nullopt);
}

TEST_F(MemoryLimitTest, TheLowestOnTheWayCounts) {
  Write("/proc/self/cgroup", "0::/system.slice/gateway.service\n");
  Write("/sys/fs/cgroup/system.slice/gateway.service/memory.max", "3000\n");
  Write("/sys/fs/cgroup/system.slice/memory.max", "max\n");
  EXPECT_EQ(MemoryLimit(root_), 3000);
  Write("/sys/fs/cgroup/system.slice/memory.max", "2000\n");
  EXPECT_EQ(MemoryLimit(root_), 2000);
}

TEST_F(MemoryLimitTest, VersionOneHasItInAFolderOfItsOwn) {
  Write("/proc/self/cgroup",
        "9:name=systemd:/\n4:cpu,memory:/docker/a:b\n0::/\n");
  const std::string file = "/sys/fs/cgroup/memory/memory.limit_in_bytes";
  Write(file, "9223372036854771712\n");
  EXPECT_EQ(MemoryLimit(root_), std::nullopt);
  Write("/sys/fs/cgroup/memory/docker/a:b/memory.limit_in_bytes", "5000\n");
  EXPECT_EQ(MemoryLimit(root_), 5000);
  Write(file, "4000\n");
  EXPECT_EQ(MemoryLimit(root_), 4000);
}

TEST_F(MemoryLimitTest, NothingIsReadOutsideOfWhatIsShown) {
  Write("/proc/self/cgroup", "0::/../../other\n");
  Write("/sys/fs/cgroup/memory.max", "max\n");
  Write("/sys/memory.max", "1000\n");
  EXPECT_EQ(MemoryLimit(root_), std::nullopt);
}

}  // namespace
}  // namespace lakefs::gateway
