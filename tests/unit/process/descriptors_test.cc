#include "gateway/process/descriptors.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;

// Sets the soft limit, and what it was when it goes.
class SoftLimit {
 public:
  explicit SoftLimit(rlim_t count) {
    getrlimit(RLIMIT_NOFILE, &before_);
    const rlimit lower{count, before_.rlim_max};
    EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &lower), 0);
  }
  ~SoftLimit() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST(DescriptorsTest, TheSoftLimitIsRaisedToTheHardOne) {
  const SoftLimit low(64);
  rlimit limit{};
  const int64_t raised = RaiseDescriptorLimit();
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(limit.rlim_cur, limit.rlim_max);
  EXPECT_GT(raised, 64);
}

TEST(DescriptorsTest, WhatIsLeftIsCountedToTheLast) {
  const SoftLimit low(40);
  EXPECT_FALSE(HasDescriptors(41));
  std::vector<int> taken;
  while (HasDescriptors(1)) taken.push_back(open("/", O_PATH | O_CLOEXEC));
  const int one_more = open("/", O_PATH | O_CLOEXEC);
  const std::string said = NoDescriptorLeft();
  close(taken.back());
  taken.pop_back();
  const bool one = HasDescriptors(1);
  const bool two = HasDescriptors(2);
  // The sanitizers' checks need descriptors of their own.
  for (const int fd : taken) close(fd);
  EXPECT_EQ(one_more, -1);
  EXPECT_THAT(said, HasSubstr("of the 40 that the system"));
  EXPECT_TRUE(one);
  EXPECT_FALSE(two);
}

}  // namespace
}  // namespace lakefs::gateway::testing
