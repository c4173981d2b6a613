#include "gateway/base/trace_parent.h"

#include <gtest/gtest.h>

#include <random>

namespace lakefs::gateway::testing {
namespace {

constexpr char kValid[] =
    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceParentTest, AChildKeepsTheTraceAndHasASpanOfItsOwn) {
  const auto parent = TraceParent::Parse(kValid);
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->ToString(), kValid);
  std::mt19937_64 random(1);
  const TraceParent child = parent->Child(random);
  EXPECT_EQ(child.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_EQ(child.flags, "01");
  EXPECT_NE(child.span_id, parent->span_id);
  EXPECT_TRUE(TraceParent::Parse(child.ToString()));
}

TEST(TraceParentTest, WhatIsNotValidIsDropped) {
  for (const char* text : {
           "",
           "00",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
           "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
           "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
           "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
           "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
           "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
           "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x",
           "00-4bf92f3577b34da6a3ce929d0e0e473\n-00f067aa0ba902b7-01",
       }) {
    EXPECT_FALSE(TraceParent::Parse(text)) << text;
  }
}

TEST(TraceParentTest, OfALaterVersionWhatIsKnownIsTaken) {
  const auto parent = TraceParent::Parse(
      "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes");
  ASSERT_TRUE(parent);
  EXPECT_EQ(parent->ToString(), kValid);
}

}  // namespace
}  // namespace lakefs::gateway::testing
