// The arrows between the folders of gateway/, read off the includes: they only
// go down, and foreign libraries stay in their rooms.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>

namespace {

using Names = std::set<std::string>;

const std::filesystem::path kRoot = LAKEFS_STAGING_SOURCE_DIR;

// What each room may include of the others.
const std::map<std::string, Names> kBelow = {
    {"base", {}},
    {"metrics", {"base"}},
    {"http", {"base", "metrics"}},
    {"lakefs", {"base", "metrics", "http"}},
    {"objectstore", {"base", "metrics", "http", "lakefs"}},
    {"staging", {"base", "metrics", "http", "lakefs", "objectstore"}},
    {"server", {"base", "metrics", "http", "lakefs", "objectstore", "staging"}},
    {"",
     {"base", "metrics", "http", "lakefs", "objectstore", "staging", "server",
      ""}},
};

// Foreign headers by their beginning, and the rooms that may include them.
const std::map<std::string, Names> kForeign = {
    {"curl/", {"http"}},
    {"grpc", {"server"}},
    {"lakefs/staging/v1/", {"server"}},
    {"google/", {"server"}},
    {"nlohmann/", {"base", "lakefs"}},
    {"openssl/", {"base", "objectstore", "staging"}},
    {"prometheus/", {"metrics"}},
    {"httplib.h", {"server"}},
    {"spdlog/", {"base"}},
    {"yaml-cpp/", {"", "server"}},
    {"CLI/", {""}},
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
    const std::string room =
        relative.has_parent_path() ? relative.begin()->string() : "";
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

TEST(ArchitectureTest, ArrowsBetweenRoomsOnlyGoDown) {
  int seen = 0;
  for (const Include& include : AllIncludes(kRoot / "gateway")) {
    ASSERT_TRUE(kBelow.contains(include.room))
        << include.file << " is in a room that this test does not know";
    EXPECT_NE(include.target.rfind("tests/", 0), 0U) << include.file;
    EXPECT_NE(include.target.rfind("client/", 0), 0U) << include.file;
    if (include.target.rfind("gateway/", 0) != 0) continue;
    ++seen;
    const std::string inside = include.target.substr(8);
    const size_t slash = inside.find('/');
    const std::string room =
        slash == std::string::npos ? "" : inside.substr(0, slash);
    EXPECT_TRUE(room == include.room || kBelow.at(include.room).contains(room))
        << "gateway/" << include.file << " includes " << include.target;
  }
  EXPECT_GT(seen, 100) << "the includes were not found";
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
