// Files that hold secrets.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace lakefs::gateway {

// OK if no stranger can read or change the file: it is neither readable nor
// writable for others, nor writable for its group. A file behind symbolic
// links, as Kubernetes mounts secrets, is looked at itself.
//
// Errors: INVALID_ARGUMENT, with the path and what to do.
absl::Status CheckSecretFile(const std::string& path);

// The contents of such a file, without white space around them; at most 64 KiB.
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// Files that are read again by whoever uses them, such as gRPC and curl, which
// do not care about their modes.
//
// Threads: to be called from one at a time.
class SecretFileWatch {
 public:
  // The names may be empty.
  explicit SecretFileWatch(std::vector<std::string> paths)
      : paths_(std::move(paths)) {}

  // Looks at all of them. Logs those that have become unsafe, or safe again,
  // since the last look, and says how many have become unsafe.
  int Look();

 private:
  const std::vector<std::string> paths_;
  std::set<std::string> unsafe_;
};

}  // namespace lakefs::gateway
