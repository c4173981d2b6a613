// Files of --resume-key-file.
#pragma once

#include <sys/stat.h>

#include <fstream>
#include <string>

#include "absl/strings/escaping.h"

namespace lakefs::gateway::testing {

// Writes a file with one key, which consists of `fill`.
inline void WriteKeyFile(const std::string& path, char fill) {
  std::ofstream(path) << absl::Base64Escape(std::string(32, fill)) << "\n";
  chmod(path.c_str(), 0600);
}

}  // namespace lakefs::gateway::testing
