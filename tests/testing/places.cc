#include "tests/testing/places.h"

#include <filesystem>

namespace lakefs::gateway::testing {

std::string SourceDir() { return LAKEFS_STAGING_SOURCE_DIR; }

std::string BinaryDir() { return LAKEFS_STAGING_BINARY_DIR; }

bool OthersCanRunPrograms() {
  using std::filesystem::perms;
  std::filesystem::path folder = BinaryDir() + "/bin";
  for (; folder != folder.root_path(); folder = folder.parent_path()) {
    const perms modes = std::filesystem::status(folder).permissions();
    if ((modes & perms::others_exec) == perms::none) return false;
  }
  return true;
}

}  // namespace lakefs::gateway::testing
