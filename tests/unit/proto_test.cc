// The service as clients compiled it: the descriptor is golden, and each of its
// elements carries a comment.
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <regex>

#include "lakefs_staging/v1/staging.pb.h"
#include "tests/testing/golden.h"
#include "tests/testing/places.h"

namespace lakefs::gateway::testing {
namespace {

TEST(ProtoTest, TheDescriptorIsGolden) {
  const auto* file = ::lakefs::staging::v1::UploadHeader::descriptor()->file();
  ExpectGolden("staging_descriptor.txt", file->DebugString());
}

TEST(ProtoTest, EachElementCarriesAComment) {
  std::ifstream file(SourceDir() + "/proto/lakefs_staging/v1/staging.proto");
  const std::regex element(
      R"(^\s*(message|enum|service|rpc|oneof)\s|^\s+[\w.<>, ]+ \w+ = \d+;)");
  std::string previous;
  int elements = 0;
  for (std::string line; std::getline(file, line); previous = line) {
    if (!std::regex_search(line, element)) continue;
    ++elements;
    EXPECT_NE(previous.find("//"), std::string::npos) << line;
  }
  EXPECT_GT(elements, 80);
}

}  // namespace
}  // namespace lakefs::gateway::testing
