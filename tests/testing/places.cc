#include "tests/testing/places.h"

namespace lakefs::gateway::testing {

std::string SourceDir() { return LAKEFS_STAGING_SOURCE_DIR; }

std::string BinaryDir() { return LAKEFS_STAGING_BINARY_DIR; }

}  // namespace lakefs::gateway::testing
