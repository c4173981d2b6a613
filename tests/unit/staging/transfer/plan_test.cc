#include "gateway/staging/transfer/plan.h"

#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/fake_store.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;

// A way of our own, which the choice does not look into.
FakeStore own;

constexpr int64_t kGiB = 1 << 30;
constexpr int64_t kPart = 8 << 20;
constexpr KnownSize kUnknown{};

constexpr KnownSize Exactly(int64_t bytes) { return {bytes, true}; }
constexpr KnownSize AtLeast(int64_t bytes) { return {bytes, false}; }

const ServerConfig kS3{.blockstore_type = "s3",
                       .pre_sign_support = true,
                       .pre_sign_multipart_upload = true};
const ServerConfig kOldS3{.blockstore_type = "s3", .pre_sign_support = true};
const ServerConfig kAzure{.blockstore_type = "azure",
                          .pre_sign_support = true,
                          .pre_sign_multipart_upload = false};
const ServerConfig kGoogle{.blockstore_type = "gs",
                           .pre_sign_support = true,
                           .pre_sign_multipart_upload = false};
const ServerConfig kS3Unsigned{.blockstore_type = "s3",
                               .pre_sign_support = false};
const ServerConfig kOldest{.blockstore_type = "s3"};
const ServerConfig kLocal{.blockstore_type = "local",
                          .pre_sign_support = false};

struct Row {
  ServerConfig server;
  KnownSize size;
  bool needs_link;
  Plan plan;  // kNone: refused
};

const Row kRows[] = {
    {kS3, Exactly(0), false, Plan::kSinglePut},
    {kS3, Exactly(kPart), false, Plan::kSinglePut},
    {kS3, Exactly(kPart), true, Plan::kSinglePut},
    {kS3, Exactly(kPart + 1), false, Plan::kMultipart},
    {kS3, kUnknown, false, Plan::kMultipart},
    {kS3, Exactly(6 * kGiB), false, Plan::kMultipart},
    {kS3, Exactly(kPart + 1), true, Plan::kSpooledPut},
    {kS3, kUnknown, true, Plan::kSpooledPut},
    {kS3, Exactly(5 * kGiB), true, Plan::kSpooledPut},
    {kS3, Exactly(5 * kGiB + 1), true, Plan::kNone},
    {kS3, AtLeast(5 * kGiB + 1), true, Plan::kNone},
    {kOldS3, Exactly(kPart), false, Plan::kSinglePut},
    {kOldS3, kUnknown, false, Plan::kSpooledPut},
    {kOldS3, Exactly(5 * kGiB + 1), false, Plan::kNone},
    {kAzure, Exactly(kPart), false, Plan::kSinglePut},
    {kAzure, kUnknown, false, Plan::kAzureBlocks},
    {kAzure, Exactly(6 * kGiB), true, Plan::kAzureBlocks},
    {kGoogle, Exactly(kPart), false, Plan::kSinglePut},
    {kGoogle, Exactly(6 * kGiB), false, Plan::kSpooledPut},
    {kGoogle, Exactly(8 * kGiB), false, Plan::kSpooledPut},
    {kGoogle, Exactly(8 * kGiB + 1), false, Plan::kNone},  // the spool's cap
    {kS3Unsigned, Exactly(1), false, Plan::kDirectS3},
    {kS3Unsigned, kUnknown, true, Plan::kDirectS3},
    {kOldest, Exactly(6 * kGiB), false, Plan::kDirectS3},
    {kLocal, kUnknown, false, Plan::kLocalFile},
};

TEST(PlanTest, EachRowOfTheTableIsChosen) {
  const PlanOptions options{
      .own_ways = {.usual = {.direct_s3 = &own, .local_file = &own}}};
  for (const Row& row : kRows) {
    SCOPED_TRACE(::testing::Message()
                 << row.server.blockstore_type << " " << row.size.bytes
                 << (row.needs_link ? " needs_link" : ""));
    const auto plan = ChoosePlan(row.server, row.needs_link, row.size, options);
    if (row.plan == Plan::kNone) {
      EXPECT_THAT(plan, StatusIs(absl::StatusCode::kFailedPrecondition));
      EXPECT_THAT(plan, HasReason(Reason::kObjectTooLarge));
    } else {
      ASSERT_THAT(plan, IsOk());
      EXPECT_EQ(*plan, row.plan);
    }
  }
}

TEST(PlanTest, WithoutAWayOfOurOwnTheBytesGoThroughLakefs) {
  for (const ServerConfig& server : {kS3Unsigned, kOldest, kLocal}) {
    const auto plan = ChoosePlan(server, false, kUnknown, {});
    ASSERT_THAT(plan, IsOk());
    EXPECT_EQ(*plan, Plan::kThroughLakefs);
  }
}

TEST(PlanTest, AWayOfOurOwnIsForItsOwnStore) {
  const PlanOptions s3{.own_ways = {.usual = {.direct_s3 = &own}}};
  const PlanOptions local{.own_ways = {.usual = {.local_file = &own}}};
  EXPECT_EQ(*ChoosePlan(kLocal, false, kUnknown, s3), Plan::kThroughLakefs);
  EXPECT_EQ(*ChoosePlan(kS3Unsigned, false, kUnknown, local),
            Plan::kThroughLakefs);
}

TEST(PlanTest, AStoreGoesByItsOwnWaysOrByTheUsualOnes) {
  ServerConfig eu = kS3Unsigned;
  eu.blockstore_id = "eu";
  const PlanOptions usual{.own_ways = {.usual = {.direct_s3 = &own}}};
  EXPECT_EQ(*ChoosePlan(eu, false, kUnknown, usual), Plan::kDirectS3);
  const PlanOptions none_to_eu{.own_ways = {.usual = {.direct_s3 = &own},
                                            .by_blockstore_id = {{"eu", {}}}}};
  EXPECT_EQ(*ChoosePlan(eu, false, kUnknown, none_to_eu), Plan::kThroughLakefs);
  const PlanOptions only_to_eu{
      .own_ways = {.by_blockstore_id = {{"eu", {.direct_s3 = &own}}}}};
  EXPECT_EQ(*ChoosePlan(eu, false, kUnknown, only_to_eu), Plan::kDirectS3);
  EXPECT_EQ(*ChoosePlan(kS3Unsigned, false, kUnknown, only_to_eu),
            Plan::kThroughLakefs);
}

TEST(PlanTest, WhereItsAddressCannotBeLinkedAFileGoesThroughLakefs) {
  const PlanOptions options{.own_ways = {.usual = {.local_file = &own}}};
  ServerConfig server = kLocal;
  for (const auto& [version, plan] :
       {std::pair("0.101.0", Plan::kThroughLakefs),
        std::pair("1.11.0", Plan::kThroughLakefs),
        std::pair("1.21.0", Plan::kLocalFile),
        std::pair("dev", Plan::kLocalFile)}) {
    server.version = version;
    EXPECT_EQ(*ChoosePlan(server, false, kUnknown, options), plan) << version;
  }
  server = {.version = "0.66.0", .blockstore_type = "local"};
  EXPECT_EQ(*ChoosePlan(server, false, kUnknown, options), Plan::kLocalFile);
}

TEST(PlanTest, WithoutPresignNoServerCountsAsOneThatDoes) {
  const PlanOptions off{.presign = false,
                        .own_ways = {.usual = {.direct_s3 = &own}}};
  for (const KnownSize size : {Exactly(1), kUnknown}) {
    EXPECT_EQ(*ChoosePlan(kS3, false, size, off), Plan::kDirectS3);
    EXPECT_EQ(*ChoosePlan(kS3, false, size, {.presign = false}),
              Plan::kThroughLakefs);
    EXPECT_EQ(*ChoosePlan(kAzure, true, size, off), Plan::kThroughLakefs);
  }
}

// Source: the stores' own documents.
TEST(PlanTest, WhatIsRefusedNamesTheLimitAndWhatToDo) {
  const PlanOptions roomy{.spool_bytes = int64_t{1} << 60};
  struct Refused {
    ServerConfig server;
    int64_t most;
    bool needs_link;
    const char* advice;
  };
  for (const auto& [server, most, needs_link, advice] :
       {Refused{kOldS3, 5 * kGiB, false, "send it to one that does"},
        Refused{kS3, 5 * kGiB, true, "send it without them"},
        Refused{kGoogle, 5 * 1024 * kGiB, false, "split it"}}) {
    EXPECT_THAT(ChoosePlan(server, needs_link, Exactly(most), roomy), IsOk());
    const std::string why =
        ChoosePlan(server, needs_link, Exactly(most + 1), roomy)
            .status()
            .ToString();
    EXPECT_THAT(why, HasSubstr(absl::StrCat("at most ", most, " bytes")));
    EXPECT_THAT(why, HasSubstr(advice));
  }
  const std::string spool = ChoosePlan(kGoogle, false, Exactly(2),
                                       {.part_bytes = 1, .spool_bytes = 1})
                                .status()
                                .ToString();
  EXPECT_THAT(spool, HasSubstr("--spool-bytes is 1; raise it"));
  const std::string parts =
      PartBytes((640'000ll << 20) + 1, 10'000, false, {}).status().ToString();
  EXPECT_THAT(parts, HasSubstr(absl::StrCat("raise it to ", 130 << 20)));
}

TEST(PlanTest, WhatIsAtHandGoesAtOnceWithoutASpool) {
  const PlanOptions no_spool{.spool_bytes = 0};
  const auto plan_of = [&](const ServerConfig& server, bool needs_link,
                           int64_t bytes) {
    const KnownSize size{bytes, /*exact=*/true, /*at_hand=*/true};
    const auto plan = ChoosePlan(server, needs_link, size, no_spool);
    return plan.ok() ? *plan : Plan::kNone;
  };
  EXPECT_EQ(plan_of(kS3, true, 5 * kGiB), Plan::kSinglePut);
  EXPECT_EQ(plan_of(kS3, true, 5 * kGiB + 1), Plan::kNone);
  EXPECT_EQ(plan_of(kOldS3, false, kGiB), Plan::kSinglePut);
  EXPECT_EQ(plan_of(kGoogle, false, 10 * kGiB), Plan::kSinglePut);
  EXPECT_EQ(plan_of(kS3, false, kGiB), Plan::kMultipart);
  EXPECT_EQ(plan_of(kAzure, true, kGiB), Plan::kAzureBlocks);
  EXPECT_THAT(PartBytes(640'000ll << 20, 1'000, /*at_hand=*/true, {}),
              IsOkAndHolds(int64_t{640} << 20));
}

TEST(PartBytesTest, GrowOnlyWhenThePartsWouldNotDo) {
  const PlanOptions options{.largest_part_bytes = 64 << 20};
  const auto parts_of = [&](std::optional<int64_t> size, int64_t max_parts) {
    return PartBytes(size, max_parts, false, options);
  };
  EXPECT_THAT(*parts_of(std::nullopt, 10'000), kPart);
  EXPECT_THAT(*parts_of(10'000 * kPart, 10'000), kPart);
  EXPECT_THAT(*parts_of(10'000 * kPart + 1, 10'000), 9 << 20);
  EXPECT_THAT(*parts_of(9 * kGiB, 1'000), 10 << 20);
  EXPECT_THAT(*parts_of(640'000ll << 20, 10'000), 64 << 20);
  EXPECT_THAT(parts_of((640'000ll << 20) + 1, 10'000),
              HasReason(Reason::kObjectTooLarge));
}

}  // namespace
}  // namespace lakefs::gateway::testing
