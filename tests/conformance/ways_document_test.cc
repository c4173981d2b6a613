// The table of deploy/README.md is that of ways.h. UPDATE_GOLDEN=1 rewrites it.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include "tests/conformance/ways.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

constexpr char kBegin[] = "<!-- table: tests/conformance/ways.cc -->\n";
constexpr char kEnd[] = "<!-- end of the table -->\n";

TEST(WaysDocumentTest, HasTheTable) {
  const std::string document = SourceDir() + "/deploy/README.md";
  std::ifstream in(document, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  const size_t begin = text.find(kBegin);
  const size_t end = text.find(kEnd);
  ASSERT_NE(begin, std::string::npos);
  ASSERT_NE(end, std::string::npos);
  const size_t table = begin + sizeof(kBegin) - 1;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    text.replace(table, end - table, WaysAsMarkdown());
    std::ofstream(document, std::ios::binary) << text;
    return;
  }
  EXPECT_EQ(text.substr(table, end - table), WaysAsMarkdown())
      << "UPDATE_GOLDEN=1 rewrites it";
}

TEST(WaysTableTest, VersionsAreLikeTheReleasesThatBehaveSo) {
  for (const auto& [version, release] :
       {std::pair("0.66.0", "v0.66"), std::pair("0.89.0", "v0.66"),
        std::pair("0.90.0", "v0.101"), std::pair("1.11.0", "v0.101"),
        std::pair("1.12.0", "v1.21"), std::pair("1.41.0", "v1.21"),
        std::pair("1.42.0", "v1.84"), std::pair("1.84.0", "v1.84"),
        std::pair("dev", "v1.84")}) {
    EXPECT_EQ(ReleaseLike(version), release) << version;
  }
}

}  // namespace
}  // namespace lakefs::gateway::testing
