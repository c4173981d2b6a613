// When it is told how far an upload in parts is, and what then.
#include "gateway/staging/transfer/checkpoints.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "gateway/base/crc32c.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kPart = 10;

class CheckpointsTest : public ::testing::Test {
 protected:
  Checkpoints Make(ResumePoint begin = {.part_bytes = kPart},
                   bool was_told = false) {
    return {std::move(begin), was_told,
            [this](const ResumePoint& point) {
              if (gone_) return false;
              told_.push_back(point);
              return true;
            },
            /*every_bytes=*/2 * kPart};
  }
  static void Store(Checkpoints& checkpoints, int number) {
    checkpoints.Stored({number, "e"}, kPart, Crc32c(Text(number)));
  }
  static std::string Text(int number) {
    return std::string(kPart, static_cast<char>('a' + number));
  }
  std::vector<int64_t> Offsets() const {
    std::vector<int64_t> offsets;
    for (const ResumePoint& point : told_) offsets.push_back(point.offset());
    return offsets;
  }

  bool gone_ = false;
  std::vector<ResumePoint> told_;
};

TEST_F(CheckpointsTest, OnlyWhatIsStoredWithoutAGapCounts) {
  Checkpoints checkpoints = Make();
  Store(checkpoints, 3);
  Store(checkpoints, 2);
  EXPECT_THAT(Offsets(), IsEmpty());
  EXPECT_FALSE(checkpoints.told());
  Store(checkpoints, 1);
  EXPECT_THAT(Offsets(), ElementsAre(3 * kPart));
  EXPECT_TRUE(checkpoints.told());
  EXPECT_EQ(told_[0].crc32c, Crc32c(Text(1) + Text(2) + Text(3)));
  EXPECT_EQ(told_[0].parts[2].number, 3);
}

TEST_F(CheckpointsTest, OneFollowsAnotherAfterSomeMoreBytes) {
  Checkpoints checkpoints = Make();
  Store(checkpoints, 1);
  EXPECT_THAT(Offsets(), IsEmpty());
  Store(checkpoints, 2);
  Store(checkpoints, 3);
  EXPECT_THAT(Offsets(), ElementsAre(2 * kPart));
  Store(checkpoints, 4);
  EXPECT_THAT(Offsets(), ElementsAre(2 * kPart, 4 * kPart));
}

TEST_F(CheckpointsTest, TheLastOneTellsOfAllAndIsLeftOutIfNothingIsNew) {
  Checkpoints checkpoints = Make();
  checkpoints.TellLast();
  EXPECT_THAT(Offsets(), IsEmpty());
  Store(checkpoints, 1);
  checkpoints.TellLast();
  checkpoints.TellLast();
  EXPECT_THAT(Offsets(), ElementsAre(kPart));
}

TEST_F(CheckpointsTest, AShorterPartIsTheLastAndNothingIsGoneOnWithBehindIt) {
  Checkpoints checkpoints = Make();
  Store(checkpoints, 1);
  checkpoints.Stored({2, "e"}, kPart - 1, 0);
  checkpoints.TellLast();
  EXPECT_THAT(Offsets(), ElementsAre(kPart));
}

TEST_F(CheckpointsTest, ACallerWhoIsGoneHasNotBeenTold) {
  Checkpoints checkpoints = Make();
  gone_ = true;
  Store(checkpoints, 1);
  Store(checkpoints, 2);
  EXPECT_FALSE(checkpoints.told());
}

TEST_F(CheckpointsTest, AnUploadThatIsGoneOnWithCountsFromThere) {
  Checkpoints checkpoints = Make({.part_bytes = kPart,
                                  .parts = {{1, "a"}, {2, "b"}},
                                  .crc32c = Crc32c(Text(1) + Text(2))},
                                 /*was_told=*/true);
  EXPECT_TRUE(checkpoints.told());
  Store(checkpoints, 3);
  EXPECT_THAT(Offsets(), IsEmpty());
  Store(checkpoints, 4);
  EXPECT_THAT(Offsets(), ElementsAre(4 * kPart));
  EXPECT_EQ(told_[0].crc32c, Crc32c(Text(1) + Text(2) + Text(3) + Text(4)));
  EXPECT_EQ(told_[0].parts.size(), 4U);
}

}  // namespace
}  // namespace lakefs::gateway::testing
