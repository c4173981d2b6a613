#include "gateway/staging/plan.h"

#include <gtest/gtest.h>

#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

TEST(PlanTest, EachRowOfTheTableIsChosen) {
  constexpr PlanOptions kOptions{.single_put_bytes = 100};
  struct Row {
    std::optional<bool> presign;
    std::optional<int64_t> size_bytes;
    Plan plan;  // kNone: refused
  };
  const Row rows[] = {
      {true, std::nullopt, Plan::kSinglePut},
      {true, 0, Plan::kSinglePut},
      {true, 100, Plan::kSinglePut},
      {true, 101, Plan::kNone},
      {false, std::nullopt, Plan::kThroughLakefs},
      {false, 101, Plan::kThroughLakefs},
      {std::nullopt, 5, Plan::kThroughLakefs},
  };
  for (const Row& row : rows) {
    const auto plan = ChoosePlan({.pre_sign_support = row.presign},
                                 {.size_bytes = row.size_bytes}, kOptions);
    if (row.plan == Plan::kNone) {
      EXPECT_THAT(plan, StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(plan, HasReason(Reason::kObjectTooLarge));
    } else {
      ASSERT_THAT(plan, IsOk());
      EXPECT_EQ(*plan, row.plan);
    }
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
