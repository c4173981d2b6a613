#include "tests/emulator/catalog.h"

#include <fnmatch.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

// Older commits can't be read by id any more; each holds a table of its own.
constexpr size_t kRememberedCommits = 32;

EntryPtr EntryIn(const CommitNode& commit, const std::string& path) {
  auto it = commit.entries.find(path);
  return it == commit.entries.end() ? nullptr : it->second;
}

}  // namespace

Repository::Repository(std::string name, std::string storage_namespace,
                       std::string storage_id, std::string default_branch,
                       int64_t creation_date)
    : name_(std::move(name)),
      storage_namespace_(std::move(storage_namespace)),
      storage_id_(std::move(storage_id)),
      default_branch_(std::move(default_branch)),
      creation_date_(creation_date) {
  auto first = std::make_shared<CommitNode>();
  first->id = NextCommitId();
  branches_[default_branch_] = std::make_shared<Branch>(default_branch_, first);
  commits_[remembered_++] = std::move(first);
}

std::shared_ptr<Branch> Repository::FindBranch(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  auto it = branches_.find(std::string(name));
  return it == branches_.end() ? nullptr : it->second;
}

std::shared_ptr<Branch> Repository::CreateBranch(absl::string_view name,
                                                 absl::string_view source) {
  std::shared_ptr<Branch> from = FindBranch(source);
  if (from == nullptr) return nullptr;
  absl::MutexLock lock(&mu_);
  std::shared_ptr<Branch>& slot = branches_[std::string(name)];
  if (slot == nullptr) {
    slot = std::make_shared<Branch>(std::string(name), from->head());
  }
  return slot;
}

bool Repository::DeleteBranch(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  return branches_.erase(std::string(name)) > 0;
}

void Repository::Protect(absl::string_view pattern) {
  absl::MutexLock lock(&mu_);
  protected_.insert(std::string(pattern));
}

bool Repository::IsProtected(absl::string_view branch) const {
  std::string name(branch);
  absl::MutexLock lock(&mu_);
  return std::any_of(protected_.begin(), protected_.end(),
                     [&name](const std::string& pattern) {
                       return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
                     });
}

void Repository::NoteWritten(const std::string& path,
                             const std::string& address) {
  absl::MutexLock lock(&mu_);
  written_[path].insert(address);
}

std::set<std::string> Repository::Addresses(absl::string_view path) const {
  absl::MutexLock lock(&mu_);
  const auto found = written_.find(path);
  return found == written_.end() ? std::set<std::string>() : found->second;
}

CommitPtr Repository::Commit(Branch& branch) {
  CommitPtr commit = branch.Commit(NextCommitId());
  if (commit != nullptr) Remember(commit);
  return commit;
}

EntryPtr Repository::FindEntry(absl::string_view ref, const std::string& path,
                               bool& found_ref) const {
  const bool committed = absl::ConsumeSuffix(&ref, "@");
  std::shared_ptr<Branch> branch = FindBranch(ref);
  found_ref = true;
  if (branch != nullptr) {
    return committed ? EntryIn(*branch->head(), path) : branch->Find(path);
  }
  absl::MutexLock lock(&mu_);
  for (const auto& [number, commit] : commits_) {
    if (commit->id == ref) return EntryIn(*commit, path);
  }
  found_ref = false;
  return nullptr;
}

std::string Repository::NextCommitId() {
  return Hex(Sha256(absl::StrCat(name_, "/", ++last_commit_)));
}

void Repository::Remember(CommitPtr commit) {
  absl::MutexLock lock(&mu_);
  commits_[remembered_++] = std::move(commit);
  if (commits_.size() > kRememberedCommits) commits_.erase(commits_.begin());
}

std::shared_ptr<Repository> Catalog::Find(absl::string_view name) const {
  absl::MutexLock lock(&mu_);
  auto it = repositories_.find(std::string(name));
  return it == repositories_.end() ? nullptr : it->second;
}

bool Catalog::Add(std::shared_ptr<Repository> repository) {
  absl::MutexLock lock(&mu_);
  std::string name = repository->name();
  return repositories_.emplace(std::move(name), std::move(repository)).second;
}

void Catalog::Remove(absl::string_view name) {
  absl::MutexLock lock(&mu_);
  repositories_.erase(std::string(name));
}

}  // namespace lakefs::gateway::testing
