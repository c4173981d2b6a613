#include "client/cli/shared_folder.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/str_cat.h"

namespace lakefs::staging {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Optional;

TEST(SharedFolderTest, ItHasOneNameOrTwo) {
  const auto one = ParseSharedFolder("/data/shared");
  ASSERT_TRUE(one.ok() && *one);
  EXPECT_EQ((*one)->mine, "/data/shared");
  EXPECT_EQ((*one)->gateways, "/data/shared");
  const auto two = ParseSharedFolder("/mine=/gateways");
  ASSERT_TRUE(two.ok() && *two);
  EXPECT_EQ((*two)->mine, "/mine");
  EXPECT_EQ((*two)->gateways, "/gateways");
  EXPECT_EQ(*ParseSharedFolder(""), std::nullopt);
  for (const char* text : {"data", "/", "/data/", "/a=", "/a=b", "=/a"}) {
    const auto wrong = ParseSharedFolder(text);
    EXPECT_EQ(wrong.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(wrong.status().message()),
                HasSubstr("LAKEFS_STAGING_SHARED"))
        << text;
  }
}

TEST(SharedFolderTest, AFileIsNamedByWhatLinksLeadTo) {
  const fs::path folder =
      fs::path(::testing::TempDir()) / absl::StrCat("shared_", getpid());
  const fs::path mine = folder / "mine";
  fs::create_directories(mine / "a");
  fs::create_directories(folder / "mine_too");
  for (const fs::path& file :
       {mine / "a/f", folder / "outside", folder / "mine_too/f"}) {
    std::ofstream(file) << "x";
  }
  fs::create_symlink("a/f", mine / "link");
  fs::create_symlink("../outside", mine / "out");
  fs::create_directory_symlink("mine", folder / "also");
  const auto name = [&](const fs::path& file, const fs::path& shared) {
    return GatewaysNameOf(file, {shared, "/gateways"});
  };
  EXPECT_THAT(name(mine / "a/f", mine), Optional(std::string("/gateways/a/f")));
  EXPECT_THAT(name(mine / "link", mine),
              Optional(std::string("/gateways/a/f")));
  EXPECT_THAT(name(folder / "also/a/../link", folder / "also"),
              Optional(std::string("/gateways/a/f")));
  EXPECT_EQ(name(mine / "out", mine), std::nullopt);
  EXPECT_EQ(name(folder / "mine_too/f", mine), std::nullopt);
  EXPECT_EQ(name(mine / "none", mine), std::nullopt);
  EXPECT_EQ(name(mine / "a/f", folder / "none"), std::nullopt);
  fs::remove_all(folder);
}

}  // namespace
}  // namespace lakefs::staging
