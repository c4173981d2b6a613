// Writes and commits at the same time.
#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/emulator/branch.h"
#include "tests/unit/emulator/emulator_fixture.h"

namespace lakefs::gateway::testing {
namespace {

constexpr int kWriters = 8;
constexpr int kCommitters = 2;
constexpr int kWritesEach = 150;
constexpr int kWrites = kWriters * kWritesEach;

// What a plain client sees in the race.
struct Tally {
  std::atomic<int> written{0};
  std::atomic<int> refused{0};  // 412, though nobody else writes the path.
  std::atomic<int> other{0};
  int lost = 0;  // Paths that are not there when all is over.
};

class StagingRaceTest : public EmulatorFixture {
 protected:
  explicit StagingRaceTest(Dialect dialect = Dialect::kV1_84,
                           bool if_match = false)
      : EmulatorFixture(
            EmulatorOptions{.dialect = dialect, .if_match = if_match}) {}

  // Writes one path and returns the status.
  using Write = std::function<int(ApiClient&, const std::string& path)>;

  static Write Link(const ApiClient::Headers& headers = {}) {
    return [headers](ApiClient& client, const std::string& path) {
      return client.Link(path, client.Mint(path), headers).status;
    };
  }

  static Write Post(ApiClient::Headers headers) {
    headers["Content-Type"] = "text/csv";
    return [headers](ApiClient& client, const std::string& path) {
      return client
          .Call("POST", "repositories/repo/branches/main/objects",
                {{"path", path}}, "hello", headers)
          .status;
    };
  }

  void Race(const Write& write, Tally& tally) {
    std::atomic<bool> done{false};
    std::vector<std::thread> committers;
    std::vector<std::thread> writers;
    for (int i = 0; i < kCommitters; ++i) {
      committers.emplace_back([this, &done] {
        ApiClient client(emulator_);
        while (!done) {
          client.CallJson("POST", "branches/main/commits", {},
                          {{"message", "x"}});
        }
      });
    }
    for (int i = 0; i < kWriters; ++i) {
      writers.emplace_back([this, i, &write, &tally] {
        ApiClient client(emulator_);
        for (int n = 0; n < kWritesEach; ++n) {
          const int status = write(client, absl::StrCat("w", i, "/", n));
          ++(status / 100 == 2 ? tally.written
             : status == 412   ? tally.refused
                               : tally.other);
        }
      });
    }
    for (std::thread& writer : writers) writer.join();
    done = true;
    for (std::thread& committer : committers) committer.join();
    tally.lost =
        kWrites - static_cast<int>(emulator_.ListPaths("repo", "main").size());
    RecordProperty("false_412_per_mille", tally.refused * 1000 / kWrites);
    RecordProperty("lost_per_mille", tally.lost * 1000 / kWrites);
  }
};

class StagingRaceV1_21Test : public StagingRaceTest {
 protected:
  StagingRaceV1_21Test() : StagingRaceTest(Dialect::kV1_21) {}
};

const ApiClient::Headers kIfAbsent = {{"If-None-Match", "*"}};

TEST_F(StagingRaceTest, UnconditionalLinksAreNeverLost) {
  Tally tally;
  Race(Link(), tally);
  EXPECT_EQ(tally.refused, 0);
  EXPECT_EQ(tally.lost, 0);
  EXPECT_GT(tally.written, kWrites * 95 / 100);
}

// The shares of the real servers, with a little room for the writes that begin
// before the commits do and for those that meet one by chance.

TEST_F(StagingRaceTest, ConditionalLinksAreRefusedFalselyAndGetLost) {
  Tally tally;
  Race(Link(kIfAbsent), tally);
  EXPECT_GT(tally.refused, kWrites * 15 / 100);
  EXPECT_LT(tally.refused, kWrites * 21 / 100);
  EXPECT_GT(tally.lost, kWrites * 6 / 100);
  EXPECT_LT(tally.lost, kWrites * 10 / 100);
}

TEST_F(StagingRaceTest, ConditionalUploadsAreRefusedFalselyAndGetLost) {
  Tally tally;
  Race(Post(kIfAbsent), tally);
  EXPECT_GT(tally.refused, kWrites * 11 / 100);
  EXPECT_LT(tally.refused, kWrites * 18 / 100);
  EXPECT_GT(tally.lost, kWrites * 4 / 100);
  EXPECT_LT(tally.lost, kWrites * 85 / 1000);
}

TEST_F(StagingRaceV1_21Test, ConditionalLinksAreRefusedFalselyAndMostlyStay) {
  Tally tally;
  Race(Link(kIfAbsent), tally);
  EXPECT_GT(tally.refused, kWrites * 16 / 100);
  EXPECT_LT(tally.refused, kWrites * 22 / 100);
  EXPECT_LT(tally.lost, kWrites * 15 / 1000);
}

class StagingRaceIfMatchTest : public StagingRaceTest {
 protected:
  StagingRaceIfMatchTest() : StagingRaceTest(Dialect::kV1_84, true) {}
  static int LinkOver(ApiClient& client, const std::string& path,
                      const std::string& checksum) {
    return client
        .Link(path, client.Mint(path), {{"If-Match", checksum}}, "main",
              {{"checksum", "new"}})
        .status;
  }
};

TEST_F(StagingRaceIfMatchTest, OnlyWhatIsExpectedIsReplaced) {
  ApiClient client(emulator_);
  EXPECT_EQ(LinkOver(client, "a", "old"), 412) << "nothing stands there";
  client.Link("a", client.Mint("a"), {}, "main", {{"checksum", "old"}});
  EXPECT_EQ(LinkOver(client, "a", "other"), 412);
  EXPECT_EQ(LinkOver(client, "a", "old"), 200);
  EXPECT_EQ(LinkOver(client, "a", "old"), 412);
  EXPECT_EQ(LinkOver(client, "a", "new"), 200);
}

TEST_F(StagingRaceIfMatchTest, SwapsAreRefusedFalselyAndGetLost) {
  Tally tally;
  Race(
      [](ApiClient& client, const std::string& path) {
        client.Link(path, client.Mint(path), {}, "main", {{"checksum", "old"}});
        return LinkOver(client, path, "old");
      },
      tally);
  int lost = 0;
  ApiClient client(emulator_);
  for (const std::string& path : emulator_.ListPaths("repo", "main")) {
    lost += client.Stat(path).Json()["checksum"] == "old";
  }
  EXPECT_GT(tally.refused, kWrites * 13 / 100);
  EXPECT_LT(tally.refused, kWrites * 23 / 100);
  EXPECT_GT(lost, kWrites * 5 / 100);
  EXPECT_LT(lost, kWrites * 11 / 100);
}

TEST(BranchTest, OfTwoThatReplaceTheSameEntryInOneAreaOneDoes) {
  Branch branch("main", std::make_shared<CommitNode>());
  const auto entry = [](const char* checksum) {
    Entry made;
    made.checksum = checksum;
    return std::make_shared<const Entry>(made);
  };
  branch.Write("a", entry("1"), {});
  EXPECT_EQ(branch.Write("a", entry("2"), {.if_match = "1"}),
            Branch::WriteResult::kWritten);
  EXPECT_EQ(branch.Write("a", entry("3"), {.if_match = "1"}),
            Branch::WriteResult::kExists);
  ASSERT_TRUE(branch.Commit("c1"));
  EXPECT_EQ(branch.Write("a", entry("3"), {.if_match = "2"}),
            Branch::WriteResult::kWritten);
  branch.Write("a", nullptr, {});
  EXPECT_EQ(branch.Write("a", entry("4"), {.if_match = "3"}),
            Branch::WriteResult::kExists);
}

TEST(BranchTest, SealedEntriesStayVisibleUntilTheCommitIsThrough) {
  Branch branch("main", std::make_shared<CommitNode>());
  auto entry = std::make_shared<const Entry>();
  EXPECT_EQ(branch.Write("a", entry, {}), Branch::WriteResult::kWritten);
  std::thread committer([&branch] { branch.Commit("c1"); });
  while (branch.head()->id != "c1") EXPECT_NE(branch.Find("a"), nullptr);
  committer.join();
  EXPECT_NE(branch.Find("a"), nullptr);
}

TEST(BranchTest, DeletedPathsCountAsAbsentAndLeaveWithTheCommit) {
  Branch branch("main", std::make_shared<CommitNode>());
  auto entry = std::make_shared<const Entry>();
  branch.Write("a", entry, {});
  ASSERT_NE(branch.Commit("c1"), nullptr);
  EXPECT_EQ(branch.Write("a", entry, {.if_absent = true}),
            Branch::WriteResult::kExists);
  branch.Write("a", nullptr, {});
  EXPECT_EQ(branch.Find("a"), nullptr);
  EXPECT_EQ(branch.Write("a", entry, {.if_absent = true}),
            Branch::WriteResult::kWritten);
  branch.Write("a", nullptr, {});
  CommitPtr emptied = branch.Commit("c2");
  ASSERT_NE(emptied, nullptr);
  EXPECT_TRUE(emptied->entries.empty());
  EXPECT_EQ(branch.Commit("c3"), nullptr);
}

TEST(BranchTest, WritesOfTheSameObjectAreNoChange) {
  Branch branch("main", std::make_shared<CommitNode>());
  auto entry = std::make_shared<const Entry>(Entry{.checksum = "c"});
  branch.Write("a", entry, {});
  ASSERT_NE(branch.Commit("c1"), nullptr);
  branch.Write("a", entry, {});
  EXPECT_EQ(branch.Commit("c2"), nullptr);
}

}  // namespace
}  // namespace lakefs::gateway::testing
