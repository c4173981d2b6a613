// Golden files: what is seen from outside, held to the byte.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "tests/testing/places.h"

namespace lakefs::gateway::testing {

// Expects `actual` to be what tests/golden/NAME holds. With UPDATE_GOLDEN=1 in
// the environment the file is written instead, and its diff is to be read.
inline void ExpectGolden(const std::string& name, const std::string& actual) {
  const std::string path = SourceDir() + "/tests/golden/" + name;
  if (std::getenv("UPDATE_GOLDEN") != nullptr) {
    std::filesystem::create_directories(
        std::filesystem::path(path).parent_path());
    std::ofstream(path, std::ios::binary) << actual;
  }
  std::ifstream file(path, std::ios::binary);
  const std::string expected{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQ(actual, expected) << "differs from tests/golden/" << name
                              << "; UPDATE_GOLDEN=1 rewrites it";
}

}  // namespace lakefs::gateway::testing
