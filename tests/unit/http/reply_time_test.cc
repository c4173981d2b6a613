#include "gateway/http/reply_time.h"

#include <gtest/gtest.h>

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

// 2026-11-24T12:00:00Z.
constexpr char kNoon[] = "Tue, 24 Nov 2026 12:00:00 GMT";

HttpResponse With(std::vector<HttpHeader> headers) {
  return {.status = 503, .headers = std::move(headers)};
}

TEST(ReplyTimeTest, TheDateIsTheServersOwn) {
  EXPECT_EQ(DateOf(With({{"date", kNoon}})), WallTime(seconds(1'795'521'600)));
}

TEST(ReplyTimeTest, WhatIsNoDateIsNothing) {
  EXPECT_EQ(DateOf(With({})), std::nullopt);
  for (const char* text :
       {"", "today", "1795521600", "infinite-future", "infinite-past",
        "Tue, 24 Nov 2026 12:00:00", "Tue, 24 Nov 2026 12:00:00 CET",
        "Tue, 99 Nov 2026 12:00:00 GMT"}) {
    EXPECT_EQ(DateOf(With({{"date", text}})), std::nullopt) << text;
  }
}

TEST(ReplyTimeTest, RetryAfterIsSeconds) {
  EXPECT_EQ(RetryAfterOf(With({{"retry-after", "7"}})), seconds(7));
  EXPECT_EQ(RetryAfterOf(With({{"retry-after", "0"}})), seconds(0));
}

TEST(ReplyTimeTest, RetryAfterMayBeADateByTheServersClock) {
  const auto after = [](const char* date) {
    return RetryAfterOf(With({{"retry-after", date}, {"date", kNoon}}));
  };
  EXPECT_EQ(after("Tue, 24 Nov 2026 12:00:40 GMT"), seconds(40));
  EXPECT_EQ(after("Tue, 24 Nov 2026 11:59:00 GMT"), seconds(0));
  EXPECT_EQ(RetryAfterOf(With({{"retry-after", kNoon}})), std::nullopt)
      << "without a Date there is nothing to compare it with";
}

TEST(ReplyTimeTest, NobodyIsLeftAloneForLongAndNonsenseIsIgnored) {
  const auto after = [](const char* value) {
    return RetryAfterOf(With({{"retry-after", value}, {"date", kNoon}}));
  };
  EXPECT_EQ(after("999999"), seconds(300));
  EXPECT_EQ(after("Tue, 24 Nov 2099 12:00:00 GMT"), seconds(300));
  for (const char* value :
       {"", "-3", "soon", "1.5", "99999999999999999999", "infinite-future"}) {
    EXPECT_EQ(after(value), std::nullopt) << value;
  }
}

}  // namespace
}  // namespace lakefs::gateway
