// The uncommitted writes of a branch since its last seal.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/entry.h"

namespace lakefs::gateway::testing {

// A table of path to entry, or to null for a deleted path.
//
// A sealed area still takes writes, from whoever looked the branch up before
// the seal. If a commit has read the area by then, they vanish with it: that is
// lakeFS's race, not a mistake here.
//
// Threads: all methods may be called from any thread.
class StagingArea {
 public:
  // `doomed`: seen by readers, left out by commits.
  explicit StagingArea(bool doomed = false) : doomed_(doomed) {}

  void Set(const std::string& path, EntryPtr entry) {
    absl::MutexLock lock(&mu_);
    entries_[path] = std::move(entry);
  }

  // Returns false, and does nothing, if the path has an entry here.
  bool SetIfAbsent(const std::string& path, EntryPtr entry) {
    absl::MutexLock lock(&mu_);
    EntryPtr& slot = entries_[path];
    if (slot != nullptr) return false;
    slot = std::move(entry);
    return true;
  }

  // Returns false, and does nothing, if what the area knows of the path is not
  // `seen` any more.
  bool SetIfStill(const std::string& path, const std::optional<EntryPtr>& seen,
                  EntryPtr entry) {
    absl::MutexLock lock(&mu_);
    const auto it = entries_.find(path);
    const bool known = it != entries_.end();
    if (known != seen.has_value() || (known && it->second != *seen)) {
      return false;
    }
    entries_[path] = std::move(entry);
    return true;
  }

  // nullopt: this area does not know the path.
  std::optional<EntryPtr> Find(const std::string& path) const {
    absl::MutexLock lock(&mu_);
    auto it = entries_.find(path);
    if (it == entries_.end()) return std::nullopt;
    return it->second;
  }

  std::map<std::string, EntryPtr> Read() const {
    absl::MutexLock lock(&mu_);
    return entries_;
  }

  bool doomed() const { return doomed_; }

  // The branch's, under its mutex: whether a commit has read this area, and how
  // many writes that are to fall after it are not over yet.
  bool was_read = false;
  int late_writes = 0;

 private:
  const bool doomed_;
  mutable absl::Mutex mu_;
  std::map<std::string, EntryPtr> entries_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
