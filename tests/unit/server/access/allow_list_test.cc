#include "gateway/server/access/allow_list.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "tests/testing/fake_clock.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::seconds;
using ::testing::HasSubstr;
using Verdict = AllowList::Verdict;

constexpr char kRules[] = R"(
callers:
  - name: ingest
    certificate: ["uri:spiffe://c/ingest", "dns:in.example"]
    may_write:
      - repository: "raw-*"
        branches: [main, "ingest-?"]
      - repository: scratch
  - uid: 1000
    gid: [50, 51]
    may_write: [{repository: team}]
)";

Caller Certificate(const std::string& name) {
  return {.certificate_names = {"dns:other", name}};
}
Caller User(uid_t uid, gid_t gid) { return {.peer = SocketPeer{uid, gid}}; }

TEST(AllowListTest, WhoIsNamedMayWriteWhereTheRulesSayAndNowhereElse) {
  const auto list = AllowList::Parse(kRules);
  ASSERT_THAT(list, IsOk());
  const Caller ingest = Certificate("uri:spiffe://c/ingest");
  const std::tuple<Caller, ObjectPath, Verdict> cases[] = {
      {ingest, {"raw-1", "main"}, Verdict::kAllowed},
      {ingest, {"raw-1", "ingest-7"}, Verdict::kAllowed},
      {ingest, {"raw-1", "ingest-77"}, Verdict::kNotAllowed},
      {ingest, {"raw", "main"}, Verdict::kNotAllowed},
      {ingest, {"scratch", "any/branch"}, Verdict::kAllowed},
      {Certificate("dns:in.example"), {"raw-", "main"}, Verdict::kAllowed},
      {Certificate("uri:in.example"),
       {"raw-", "main"},
       Verdict::kUnknownCaller},
      {Certificate("dns:xin.example"),
       {"raw-", "main"},
       Verdict::kUnknownCaller},
      {User(1000, 1), {"team", "main"}, Verdict::kAllowed},
      {User(1, 51), {"team", "main"}, Verdict::kAllowed},
      {User(1, 1000), {"team", "main"}, Verdict::kUnknownCaller},
      {User(1000, 1), {"raw-1", "main"}, Verdict::kNotAllowed},
      {Caller(), {"team", "main"}, Verdict::kUnknownCaller},
  };
  for (const auto& [caller, object, verdict] : cases) {
    EXPECT_EQ(list->Check(caller, object), verdict)
        << object.repository << "/" << object.branch;
  }
}

TEST(AllowListTest, AMistakeIsOneLineThatNamesThePlace) {
  const std::pair<const char*, const char*> cases[] = {
      {"- a", "line 1: is not a map"},
      {"caller: []", "line 1: unknown key \"caller\""},
      {"callers: {}", "callers is not a list"},
      {"callers:\n  - uid: x\n    may_write: []",
       "line 2: uid is not a number"},
      {"callers:\n  - uid: -1\n    may_write: []", "uid is not a number"},
      {"callers:\n  - name: x\n    may_write: []", "line 2: a caller has a"},
      {"callers:\n  - uid: 1", "line 2: may_write is not a list"},
      {"callers:\n  - uid: 1\n    may_write: [{branches: a}]",
       "repository is missing"},
      {"callers:\n  - uid: 1\n    may_write: [{repositories: a}]",
       "unknown key \"repositories\""},
      {"callers:\n  - certificate: in.example\n    may_write: []",
       "begins with dns: or uri:"},
      {"callers: [", "line 1: "},
  };
  for (const auto& [yaml, message] : cases) {
    const auto list = AllowList::Parse(yaml);
    EXPECT_THAT(list, StatusIs(absl::StatusCode::kInvalidArgument)) << yaml;
    EXPECT_THAT(std::string(list.status().message()), HasSubstr(message));
  }
}

TEST(AllowListTest, WhoIsInAnyEntryIsKnown) {
  const auto list = AllowList::Parse(kRules);
  ASSERT_THAT(list, IsOk());
  EXPECT_TRUE(list->Knows(User(1000, 1)));
  EXPECT_FALSE(list->Knows(User(77, 77)));
  EXPECT_FALSE(list->Knows({}));
}

TEST(AllowFileTest, AChangeIsReadAndAMistakeKeepsTheRulesThatWereGood) {
  char name[] = "/tmp/allow-file-test-XXXXXX";
  const std::filesystem::path folder = mkdtemp(name);
  const std::string path = folder / "callers.yaml";
  // All within one tick of the file system's clock.
  const auto time = std::filesystem::file_time_type::clock::now();
  const auto write = [&](const std::string& text) {
    std::ofstream(path) << text;
    std::filesystem::last_write_time(path, time);
  };
  FakeClock clock;
  const ObjectPath team{"team", "main"};
  EXPECT_THAT(AllowFile::Open(path, clock),
              StatusIs(absl::StatusCode::kInvalidArgument));
  write(kRules);
  const auto file = AllowFile::Open(path, clock);
  ASSERT_THAT(file, IsOk());
  EXPECT_EQ((*file)->Check(User(1000, 1), team), Verdict::kAllowed);
  write("callers: [");
  clock.Advance(seconds(2));
  EXPECT_EQ((*file)->Check(User(1000, 1), team), Verdict::kAllowed);
  write("callers: []");
  clock.Advance(seconds(2));
  EXPECT_EQ((*file)->Check(User(1000, 1), team), Verdict::kUnknownCaller);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace lakefs::gateway::testing
