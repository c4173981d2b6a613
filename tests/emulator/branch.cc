#include "tests/emulator/branch.h"

#include <algorithm>
#include <random>
#include <thread>
#include <utility>

namespace lakefs::gateway::testing {
namespace {

using std::chrono::microseconds;
using std::chrono::steady_clock;

constexpr int kMaxTries = 3;

// How long lakeFS's key-value store takes for the steps of a write and of a
// commit. With them 8 writers and 2 committers in a loop meet false conflicts
// about as often as with a real server (contract: 16 to 20 % of conditional
// writes, 7 to 9 % lost).
constexpr microseconds kLookUp{350};      // Branch read -> entry written.
constexpr microseconds kWriteBack{200};   // Entry written -> branch read again.
constexpr microseconds kSealToRead{100};  // Area sealed -> area read.
constexpr microseconds kReadToDrop{6000};  // Area read -> area dropped.

// Writes take that time only while somebody commits: nobody can tell otherwise,
// and tests without commits stay fast.
constexpr std::chrono::milliseconds kCommitsAreOn{50};

// A write to an area sealed so long ago has looked again by now.
constexpr std::chrono::seconds kStale{2};

// Sleeps between half and one and a half of `typical`.
void Pause(microseconds typical) {
  thread_local std::minstd_rand random(std::random_device{}());
  std::uniform_int_distribution<int64_t> range(typical.count() / 2,
                                               typical.count() * 3 / 2);
  std::this_thread::sleep_for(microseconds(range(random)));
}

bool SameObjects(const std::map<std::string, EntryPtr>& a,
                 const std::map<std::string, EntryPtr>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && x.second->IsSameObject(*y.second);
      });
}

steady_clock::rep Now() {
  return steady_clock::now().time_since_epoch().count();
}

// Takes what was written to the areas, newest first, into the commit.
template <typename Areas>
void Merge(const Areas& areas, CommitNode& commit) {
  for (auto area = areas.rbegin(); area != areas.rend(); ++area) {
    if ((*area)->doomed()) continue;
    for (auto& [path, entry] : (*area)->Read()) {
      if (entry == nullptr) {
        commit.entries.erase(path);
      } else {
        commit.entries[path] = entry;
      }
    }
  }
}

}  // namespace

Branch::Branch(std::string name, CommitPtr head, bool loses_writes)
    : name_(std::move(name)),
      loses_writes_(loses_writes),
      now_{std::make_shared<StagingArea>(), {}, std::move(head)} {}

Branch::WriteResult Branch::Write(const std::string& path,
                                  const EntryPtr& entry, bool if_absent) {
  bool commits_are_on =
      steady_clock::duration(Now() - last_commit_.load()) < kCommitsAreOn;
  for (int attempt = 1; attempt <= kMaxTries; ++attempt) {
    bool pause = commits_are_on && attempt == 1;
    AreaPtr area = Look().current;
    if (pause) Pause(kLookUp);
    if (!if_absent) {
      area->Set(path, entry);
    } else if (Find(path) != nullptr || !area->SetIfAbsent(path, entry)) {
      return WriteResult::kExists;
    }
    if (pause) Pause(kWriteBack);
    if (Look().current == area) return WriteResult::kWritten;
  }
  return WriteResult::kTooManyTries;
}

Branch::WriteResult Branch::CreateExactly(const std::string& path,
                                          EntryPtr entry) {
  absl::MutexLock no_commit(&commit_mu_);
  if (Find(path) != nullptr) return WriteResult::kExists;
  Look().current->Set(path, std::move(entry));
  return WriteResult::kWritten;
}

void Branch::WriteDoomed(const std::string& path, EntryPtr entry) {
  auto area = std::make_shared<StagingArea>(/*doomed=*/true);
  area->Set(path, std::move(entry));
  absl::MutexLock lock(&mu_);
  now_.sealed.insert(now_.sealed.begin(), std::move(area));
}

EntryPtr Branch::Find(const std::string& path) const {
  return FindIn(Look(), path);
}

EntryPtr Branch::FindIn(const View& view, const std::string& path) {
  if (auto found = view.current->Find(path)) return *found;
  for (const AreaPtr& area : view.sealed) {
    if (auto found = area->Find(path)) return *found;
  }
  auto it = view.head->entries.find(path);
  return it == view.head->entries.end() ? nullptr : it->second;
}

std::map<std::string, EntryPtr> Branch::ReadAll() const {
  View view = Look();
  std::map<std::string, EntryPtr> all = view.head->entries;
  view.sealed.insert(view.sealed.begin(), view.current);
  std::for_each(view.sealed.rbegin(), view.sealed.rend(),
                [&](const AreaPtr& area) {
                  for (auto& [path, entry] : area->Read()) all[path] = entry;
                });
  std::erase_if(all, [](const auto& item) { return item.second == nullptr; });
  return all;
}

CommitPtr Branch::Commit(std::string id) {
  absl::MutexLock one_at_a_time(&commit_mu_);
  last_commit_ = Now();
  View view = Seal();
  Pause(kSealToRead);
  auto next = std::make_shared<CommitNode>();
  next->id = std::move(id);
  next->entries = view.head->entries;
  Merge(view.sealed, *next);
  if (SameObjects(next->entries, view.head->entries)) {
    DropStale();
    return nullptr;
  }
  Pause(kReadToDrop);
  DropSealed(view.sealed, next);
  last_commit_ = Now();
  return next;
}

CommitPtr Branch::head() const { return Look().head; }

Branch::View Branch::Look() const {
  absl::MutexLock lock(&mu_);
  return now_;
}

// Returns the branch as it was, with its current area among the sealed ones.
Branch::View Branch::Seal() {
  absl::MutexLock lock(&mu_);
  sealed_at_[now_.current.get()] = steady_clock::now();
  now_.sealed.insert(now_.sealed.begin(), now_.current);
  now_.current = std::make_shared<StagingArea>();
  return now_;
}

void Branch::DropSealed(const std::vector<AreaPtr>& areas,
                        const std::shared_ptr<CommitNode>& head) {
  absl::MutexLock lock(&mu_);
  if (!loses_writes_) Merge(areas, *head);
  now_.head = head;
  std::erase_if(now_.sealed, [&areas](const AreaPtr& area) {
    return area->doomed() ||
           std::find(areas.begin(), areas.end(), area) != areas.end();
  });
  for (const AreaPtr& area : areas) sealed_at_.erase(area.get());
}

// Without a commit the sealed areas stay; but those that nobody writes to any
// more and that hold no change need not pile up.
void Branch::DropStale() {
  absl::MutexLock lock(&mu_);
  auto now = steady_clock::now();
  std::erase_if(now_.sealed, [this, now](const AreaPtr& area) {
    mu_.AssertHeld();
    if (area->doomed()) return true;
    auto it = sealed_at_.find(area.get());
    if (it == sealed_at_.end() || now - it->second < kStale) return false;
    sealed_at_.erase(it);
    return true;
  });
}

}  // namespace lakefs::gateway::testing
