// A branch: its last commit, and what was written since.
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/entry.h"
#include "tests/emulator/staging_area.h"

namespace lakefs::gateway::testing {

// A committed state of a branch.
struct CommitNode {
  std::string id;
  std::map<std::string, EntryPtr> entries;
};
using CommitPtr = std::shared_ptr<const CommitNode>;

// Writes and commits run at the same time and are kept apart as in lakeFS,
// which is: not quite.
//
// A write goes to the branch's current staging area. Then it looks whether that
// is still the current one; if a commit has sealed it meanwhile, the write
// cannot know on which side of the commit it fell, and is done once more, three
// times in all. A commit seals the current area, reads the sealed ones, and
// then drops them.
//
// So a conditional write can meet itself: its first try went to an area that
// was sealed under it, the second finds that entry and reports a conflict. The
// entry then stays if the commit read the area after the write, and is lost if
// before; until the commit is through, readers see it in both cases. An
// unconditional write just writes again and is never lost.
//
// Threads: all methods may be called from any thread. No lock is held for a
// whole write or commit; commits of one branch go one after the other.
class Branch {
 public:
  enum class WriteResult { kWritten, kExists, kTooManyTries };

  // With `loses_writes`, commits drop what was written after they read.
  Branch(std::string name, CommitPtr head, bool loses_writes = true);

  const std::string& name() const { return name_; }

  // Writes an entry, or deletes the path if it is null.
  WriteResult Write(const std::string& path, const EntryPtr& entry,
                    bool if_absent);

  // Writes an entry if there is none. No commit gets in between, and of
  // callers at once one succeeds, as long as nobody else calls Write.
  WriteResult CreateExactly(const std::string& path, EntryPtr entry);

  // Writes an entry that readers see until the next commit drops it.
  void WriteDoomed(const std::string& path, EntryPtr entry);

  // The entry that a reader sees, or null.
  EntryPtr Find(const std::string& path) const;

  std::map<std::string, EntryPtr> ReadAll() const;

  // Makes a commit with this id. Returns null if nothing has changed since the
  // last; then what was sealed stays for the next one.
  CommitPtr Commit(std::string id);

  CommitPtr head() const;

 private:
  using AreaPtr = std::shared_ptr<StagingArea>;

  // The branch as one look at it shows it.
  struct View {
    AreaPtr current;
    std::vector<AreaPtr> sealed;  // Newest first.
    CommitPtr head;
  };

  View Look() const;
  static EntryPtr FindIn(const View& view, const std::string& path);
  View Seal();
  void DropSealed(const std::vector<AreaPtr>& areas,
                  const std::shared_ptr<CommitNode>& head);
  void DropStale();

  const std::string name_;
  const bool loses_writes_;
  absl::Mutex commit_mu_;  // Held by the one commit that is running.
  mutable absl::Mutex mu_;
  View now_ ABSL_GUARDED_BY(mu_);
  std::map<const StagingArea*, std::chrono::steady_clock::time_point> sealed_at_
      ABSL_GUARDED_BY(mu_);
  std::atomic<std::chrono::steady_clock::rep> last_commit_{0};
};

}  // namespace lakefs::gateway::testing
