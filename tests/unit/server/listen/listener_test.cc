#include "gateway/server/listen/listener.h"

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using ::testing::HasSubstr;

void CloseAll(const ListeningSockets& sockets) {
  for (const int fd : sockets.fds) close(fd);
}

TEST(ListenOnTcpTest, AFreePortIsFoundAndAPortInUseIsNot) {
  for (const char* host : {"127.0.0.1", "localhost", "0.0.0.0"}) {
    const auto sockets = ListenOnTcp(absl::StrCat(host, ":0"));
    ASSERT_THAT(sockets, IsOk()) << host;
    EXPECT_GT(sockets->port, 0);
    const std::string taken = absl::StrCat(host, ":", sockets->port);
    const auto again = ListenOnTcp(taken);
    EXPECT_THAT(again, StatusIs(absl::StatusCode::kUnavailable));
    EXPECT_THAT(std::string(again.status().message()), HasSubstr(taken));
    CloseAll(*sockets);
    const auto free = ListenOnTcp(taken);
    EXPECT_THAT(free, IsOk()) << "not free at once";
    if (free.ok()) CloseAll(*free);
  }
}

TEST(ListenOnTcpTest, WhatIsNoAddressHereIsRefused) {
  EXPECT_THAT(ListenOnTcp("192.0.2.1:0"),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(ListenOnTcp("127.0.0.1:x"),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(OpenConnectionsTest, TheRoomOfAClosedOneIsGivenAgain) {
  int pair[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  OpenConnections connections(2);
  EXPECT_TRUE(connections.TryAdd(pair[0]));
  EXPECT_TRUE(connections.TryAdd(pair[1]));
  // Another socket under a number that was counted before.
  close(pair[0]);
  const int next = socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(next, pair[0]);
  EXPECT_TRUE(connections.TryAdd(next));
  const int more = socket(AF_UNIX, SOCK_STREAM, 0);
  EXPECT_FALSE(connections.TryAdd(more));
  close(pair[1]);
  EXPECT_TRUE(connections.TryAdd(more));
  close(next);
  close(more);
}

}  // namespace
}  // namespace lakefs::gateway::testing
