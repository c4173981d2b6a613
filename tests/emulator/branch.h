// A branch: its last commit, and what was written since.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/entry.h"
#include "tests/emulator/race_odds.h"
#include "tests/emulator/staging_area.h"

namespace lakefs::gateway::testing {

// What has to stand at a path for a write to be made.
struct EntryCondition {
  bool if_absent = false;
  std::optional<std::string> if_match;  // a checksum

  bool none() const { return !if_absent && !if_match; }
  bool Holds(const EntryPtr& stands) const {
    if (if_match) return stands != nullptr && stands->checksum == *if_match;
    return !if_absent || stands == nullptr;
  }
};

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
// before; until the commit is through, readers see it in both cases. That holds
// of a write that wants no entry as of one that wants a certain one; who wants
// its own entry finds it, and writes again. An unconditional write just writes
// again and is never lost.
//
// Threads: all methods may be called from any thread. No lock is held for a
// whole write or commit; commits of one branch go one after the other.
class Branch {
 public:
  enum class WriteResult { kWritten, kSkipped, kExists, kTooManyTries };

  Branch(std::string name, CommitPtr head);

  const std::string& name() const { return name_; }

  // Writes an entry, or deletes the path if it is null. Where the branch is
  // committed in a loop, `odds` say how often a commit gets in between. With
  // `skips`, what finds an entry that came after its look is kSkipped.
  WriteResult Write(const std::string& path, const EntryPtr& entry,
                    const EntryCondition& condition, const RaceOdds& odds = {},
                    bool skips = false);

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
  using Instant = std::chrono::steady_clock::time_point;

  // The branch as one look at it shows it.
  struct View {
    AreaPtr current;
    std::vector<AreaPtr> sealed;  // Newest first.
    CommitPtr head;
  };

  // Where in a commit a write falls.
  enum class Fall { kBeside, kBeforeRead, kAfterRead };

  View Look() const;
  static EntryPtr FindIn(const View& view, const std::string& path);
  Fall Draw(const RaceOdds& odds);
  WriteResult Put(StagingArea& area, const std::string& path,
                  const EntryPtr& entry, const EntryCondition& condition,
                  bool skips) const;
  void AwaitSeal(const AreaPtr& area);
  void AwaitRead(const AreaPtr& area);
  void EndLate(StagingArea& area);
  View Seal();
  void LetLateWrites(const std::vector<AreaPtr>& areas);
  void DropSealed(const std::vector<AreaPtr>& areas, const CommitPtr& head);
  void DropStale();

  const std::string name_;
  absl::Mutex commit_mu_;  // Held by the one commit that is running.
  mutable absl::Mutex mu_;
  View now_ ABSL_GUARDED_BY(mu_);
  std::map<const StagingArea*, Instant> sealed_at_ ABSL_GUARDED_BY(mu_);
  Instant last_commit_ ABSL_GUARDED_BY(mu_);
  Instant last_but_one_ ABSL_GUARDED_BY(mu_);
  std::minstd_rand dice_ ABSL_GUARDED_BY(mu_);  // Falls alike in every run.
};

}  // namespace lakefs::gateway::testing
