// The repositories of an emulated lakeFS.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/branch.h"

namespace lakefs::gateway::testing {

// A repository and its branches.
//
// Threads: all methods may be called from any thread. Branches stay valid
// while somebody holds them, deleted or not.
class Repository {
 public:
  // With the branch `default_branch` on an empty first commit.
  Repository(std::string name, std::string storage_namespace,
             std::string storage_id, std::string default_branch,
             int64_t creation_date);

  const std::string& name() const { return name_; }
  const std::string& storage_namespace() const { return storage_namespace_; }
  const std::string& storage_id() const { return storage_id_; }
  const std::string& default_branch() const { return default_branch_; }
  int64_t creation_date() const { return creation_date_; }
  bool read_only() const { return read_only_; }
  void set_read_only(bool value) { read_only_ = value; }

  // Null if there is none.
  std::shared_ptr<Branch> FindBranch(absl::string_view name) const;

  // Makes a branch from another. Returns null if `source` does not exist, and
  // the branch as it is if there is one by that name.
  std::shared_ptr<Branch> CreateBranch(absl::string_view name,
                                       absl::string_view source);

  bool DeleteBranch(absl::string_view name);

  // `pattern` as for file names: "main", "release-*".
  void Protect(absl::string_view pattern);
  bool IsProtected(absl::string_view branch) const;

  // Notes, and tells, the addresses whose entries were written to a path.
  void NoteWritten(const std::string& path, const std::string& address);
  std::set<std::string> Addresses(absl::string_view path) const;

  // Commits a branch; null if there were no changes.
  CommitPtr Commit(Branch& branch);

  // The entry at a branch or one of the last commits, as readers see it; of
  // "BRANCH@" only what is committed. `found_ref` says whether there is such a
  // ref.
  EntryPtr FindEntry(absl::string_view ref, const std::string& path,
                     bool& found_ref) const;

 private:
  std::string NextCommitId();
  void Remember(CommitPtr commit);

  const std::string name_;
  const std::string storage_namespace_;
  const std::string storage_id_;
  const std::string default_branch_;
  const int64_t creation_date_;
  std::atomic<bool> read_only_{false};
  std::atomic<int64_t> last_commit_{0};
  mutable absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<Branch>> branches_ ABSL_GUARDED_BY(mu_);
  std::map<int64_t, CommitPtr> commits_ ABSL_GUARDED_BY(mu_);
  int64_t remembered_ ABSL_GUARDED_BY(mu_) = 0;
  std::set<std::string> protected_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, std::set<std::string>, std::less<>> written_
      ABSL_GUARDED_BY(mu_);
};

// All repositories, by name.
//
// Threads: all methods may be called from any thread.
class Catalog {
 public:
  std::shared_ptr<Repository> Find(absl::string_view name) const;

  // Returns false if there is one by that name.
  bool Add(std::shared_ptr<Repository> repository);

  void Remove(absl::string_view name);

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, std::shared_ptr<Repository>> repositories_
      ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
