// The arrows between the folders of gateway/, read off the includes: they only
// go down, and foreign libraries stay in their rooms.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "tests/testing/places.h"

namespace {

using Names = std::set<std::string>;

const std::filesystem::path kRoot = lakefs::gateway::testing::SourceDir();

// The rooms from the bottom up: a room may include those before it. A folder
// whose rooms lie in it holds, itself, the values that all of them speak of.
const std::vector<std::string> kRooms = {
    "base",           "process",
    "metrics",        "http",
    "lakefs",         "objectstore",
    "staging",        "staging/intake",
    "staging/link",   "staging/transfer",
    "staging/upload", "server/access",
    "server/rpc",     "server/admin",
    "server/listen",  "settings",
    "wiring",         "",
};

// Beside its order: rooms that have no business with each other.
const std::map<std::string, Names> kApart = {
    {"staging/link", {"staging/intake"}},
    {"server/access",
     {"staging/intake", "staging/link", "staging/transfer", "staging/upload"}},
    {"settings", {"metrics", "http", "lakefs", "objectstore"}},
};

// A folder with more modules than this has two concepts in it.
constexpr size_t kMostModules = 12;

// Foreign headers by their beginning, and the rooms that may include them.
const std::map<std::string, Names> kForeign = {
    {"curl/", {"http"}},
    {"grpc", {"server/access", "server/rpc", "server/admin", "server/listen"}},
    {"lakefs_staging/v1/", {"server/rpc"}},
    {"google/", {"server/rpc", "server/listen"}},
    {"nlohmann/", {"base", "lakefs"}},
    {"openssl/",
     {"base", "http", "objectstore", "staging/intake", "staging/transfer",
      "staging/upload"}},
    {"prometheus/", {"metrics"}},
    {"httplib.h", {"server/admin"}},
    {"spdlog/", {"base"}},
    {"yaml-cpp/", {"settings", "server/access"}},
    {"CLI/", {"settings"}},
};

struct Include {
  std::string file;
  std::string room;  // "" is gateway/ itself
  std::string target;
};

std::vector<Include> AllIncludes(const std::filesystem::path& folder) {
  static const std::regex pattern("^#include [<\"]([^>\"]+)[>\"]");
  std::vector<Include> includes;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension != ".h" && extension != ".cc") continue;
    const auto relative = std::filesystem::relative(entry.path(), folder);
    const std::string room = relative.parent_path();
    std::ifstream file(entry.path());
    std::smatch match;
    for (std::string line; std::getline(file, line);) {
      if (std::regex_search(line, match, pattern)) {
        includes.push_back({relative.string(), room, match[1]});
      }
    }
  }
  return includes;
}

// Where a room stands in kRooms; its size for one that is not there.
size_t Height(const std::string& room) {
  return std::find(kRooms.begin(), kRooms.end(), room) - kRooms.begin();
}

TEST(ArchitectureTest, ArrowsBetweenRoomsOnlyGoDown) {
  int seen = 0;
  for (const Include& include : AllIncludes(kRoot / "gateway")) {
    ASSERT_LT(Height(include.room), kRooms.size())
        << include.file << " is in a room that this test does not know";
    EXPECT_NE(include.target.rfind("tests/", 0), 0U) << include.file;
    EXPECT_NE(include.target.rfind("client/", 0), 0U) << include.file;
    if (include.target.rfind("gateway/", 0) != 0) continue;
    ++seen;
    const std::string room =
        std::filesystem::path(include.target.substr(8)).parent_path();
    EXPECT_LE(Height(room), Height(include.room))
        << "gateway/" << include.file << " includes " << include.target;
    const auto apart = kApart.find(include.room);
    EXPECT_FALSE(apart != kApart.end() && apart->second.contains(room))
        << "gateway/" << include.file << " includes " << include.target;
  }
  EXPECT_GT(seen, 100) << "the includes were not found";
}

TEST(ArchitectureTest, NoFolderHoldsMoreModulesThanOneReadsAtOnce) {
  std::map<std::string, Names> modules;
  for (const Include& include : AllIncludes(kRoot / "gateway")) {
    modules[include.room].insert(
        std::filesystem::path(include.file).stem().string());
  }
  for (const auto& [room, names] : modules) {
    EXPECT_LE(names.size(), kMostModules) << "gateway/" << room;
  }
}

TEST(ArchitectureTest, ForeignLibrariesStayInTheirRooms) {
  for (const Include& include : AllIncludes(kRoot / "gateway")) {
    for (const auto& [prefix, rooms] : kForeign) {
      if (include.target.rfind(prefix, 0) != 0) continue;
      EXPECT_TRUE(rooms.contains(include.room))
          << "gateway/" << include.file << " includes " << include.target;
    }
  }
}

TEST(ArchitectureTest, TheClientKnowsNothingOfTheGatewayButItsChecksum) {
  for (const Include& include : AllIncludes(kRoot / "client")) {
    if (include.target.rfind("gateway/", 0) != 0) continue;
    EXPECT_EQ(include.target, "gateway/base/crc32c.h") << include.file;
  }
}

TEST(ArchitectureTest, TheTopLevelIsAsTheReadmeSays) {
  Names found;
  for (const auto& entry : std::filesystem::directory_iterator(kRoot)) {
    const std::string name = entry.path().filename();
    if (name[0] != '.' && name != "build") found.insert(name);
  }
  EXPECT_EQ(found, (Names{"CMakeLists.txt", "CMakePresets.json", "README.md",
                          "client", "deploy", "gateway", "proto", "tests"}));
}

}  // namespace
