// The bytes an in-memory store keeps.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/content.h"

namespace lakefs::gateway::testing {

// A stored object.
struct Blob {
  Content content;
  std::string etag;  // With its quotes.
  std::string content_type;
  std::string content_md5;  // As the store tells readers; may be empty.
};

// Blobs by key.
//
// Threads: all methods may be called from any thread.
class BlobTable {
 public:
  void Put(const std::string& key, Blob blob) {
    absl::MutexLock lock(&mu_);
    blobs_[key] = std::move(blob);
  }

  void Delete(const std::string& key) {
    absl::MutexLock lock(&mu_);
    blobs_.erase(key);
  }

  std::optional<Blob> Get(const std::string& key) const {
    absl::MutexLock lock(&mu_);
    auto it = blobs_.find(key);
    return it == blobs_.end() ? std::nullopt : std::optional(it->second);
  }

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, Blob> blobs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
