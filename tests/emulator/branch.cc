#include "tests/emulator/branch.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/time/time.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int kMaxTries = 3;

// Two commits begun in this time are a loop of them.
constexpr milliseconds kCommitsAreOn{500};

// A write that is to meet a commit waits so long for it, and a commit for such
// writes.
constexpr milliseconds kPatience{500};

// What lakeFS takes from a create's look at its path to its write, where that
// makes a difference.
constexpr milliseconds kLookToWrite{1};

// What lakeFS takes to write the commit down, with all that readers can see in
// the meantime.
constexpr milliseconds kReadToDrop{6};

// A write to an area sealed so long ago has looked again by now.
constexpr std::chrono::seconds kStale{2};

bool SameObjects(const std::map<std::string, EntryPtr>& a,
                 const std::map<std::string, EntryPtr>& b) {
  return std::equal(
      a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
        return x.first == y.first && x.second->IsSameObject(*y.second);
      });
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

Branch::Branch(std::string name, CommitPtr head)
    : name_(std::move(name)),
      now_{std::make_shared<StagingArea>(), {}, std::move(head)} {}

Branch::WriteResult Branch::Write(const std::string& path,
                                  const EntryPtr& entry,
                                  const EntryCondition& condition,
                                  const RaceOdds& odds, bool skips) {
  const Fall fall = Draw(odds);
  AreaPtr late;
  WriteResult result = WriteResult::kTooManyTries;
  for (int attempt = 1; attempt <= kMaxTries; ++attempt) {
    if (condition.if_absent && skips) {
      if (Find(path) != nullptr) {
        result = WriteResult::kExists;
        break;
      }
      std::this_thread::sleep_for(kLookToWrite);
    }
    AreaPtr area = Look().current;
    const bool meets = attempt == 1;
    if (meets && fall == Fall::kAfterRead) AwaitRead(late = area);
    const WriteResult put = Put(*area, path, entry, condition, skips);
    if (put == WriteResult::kExists) {
      result = put;
      break;
    }
    if (meets && fall == Fall::kBeforeRead) AwaitSeal(area);
    if (Look().current == area) {
      result = put;
      break;
    }
  }
  if (late != nullptr) EndLate(*late);
  return result;
}

Branch::WriteResult Branch::CreateExactly(const std::string& path,
                                          EntryPtr entry) {
  absl::MutexLock no_commit(&commit_mu_);
  if (Find(path) != nullptr) return WriteResult::kExists;
  Look().current->Set(path, std::move(entry));
  return WriteResult::kWritten;
}

Branch::WriteResult Branch::Put(StagingArea& area, const std::string& path,
                                const EntryPtr& entry,
                                const EntryCondition& condition,
                                bool skips) const {
  if (condition.if_absent) {
    if (!skips && Find(path) != nullptr) return WriteResult::kExists;
    if (area.SetIfAbsent(path, entry)) return WriteResult::kWritten;
    return skips ? WriteResult::kSkipped : WriteResult::kExists;
  }
  if (condition.if_match) {
    const std::optional<EntryPtr> seen = area.Find(path);
    return condition.Holds(Find(path)) && area.SetIfStill(path, seen, entry)
               ? WriteResult::kWritten
               : WriteResult::kExists;
  }
  area.Set(path, entry);
  return WriteResult::kWritten;
}

Branch::Fall Branch::Draw(const RaceOdds& odds) {
  absl::MutexLock lock(&mu_);
  if (steady_clock::now() - last_but_one_ > kCommitsAreOn) return Fall::kBeside;
  const double drawn = std::uniform_real_distribution<double>(0, 1)(dice_);
  if (drawn < odds.lost) return Fall::kAfterRead;
  return drawn < odds.lost + odds.kept ? Fall::kBeforeRead : Fall::kBeside;
}

void Branch::AwaitSeal(const AreaPtr& area) {
  absl::MutexLock lock(&mu_);
  auto sealed = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return now_.current != area;
  };
  mu_.AwaitWithTimeout(absl::Condition(&sealed), absl::FromChrono(kPatience));
}

void Branch::AwaitRead(const AreaPtr& area) {
  absl::MutexLock lock(&mu_);
  ++area->late_writes;
  mu_.AwaitWithTimeout(absl::Condition(&area->was_read),
                       absl::FromChrono(kPatience));
}

void Branch::EndLate(StagingArea& area) {
  absl::MutexLock lock(&mu_);
  --area.late_writes;
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
  View view = Seal();
  auto next = std::make_shared<CommitNode>();
  next->id = std::move(id);
  next->entries = view.head->entries;
  Merge(view.sealed, *next);
  LetLateWrites(view.sealed);
  if (SameObjects(next->entries, view.head->entries)) {
    DropStale();
    return nullptr;
  }
  std::this_thread::sleep_for(kReadToDrop);
  DropSealed(view.sealed, next);
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
  last_but_one_ = std::exchange(last_commit_, steady_clock::now());
  sealed_at_[now_.current.get()] = last_commit_;
  now_.sealed.insert(now_.sealed.begin(), now_.current);
  now_.current = std::make_shared<StagingArea>();
  return now_;
}

// The areas have been read: writes that fall after it may go on, and are let
// through before anything is dropped.
void Branch::LetLateWrites(const std::vector<AreaPtr>& areas) {
  absl::MutexLock lock(&mu_);
  for (const AreaPtr& area : areas) area->was_read = true;
  auto none = [&areas] {
    return std::all_of(areas.begin(), areas.end(), [](const AreaPtr& area) {
      return area->late_writes == 0;
    });
  };
  mu_.AwaitWithTimeout(absl::Condition(&none), absl::FromChrono(kPatience));
}

void Branch::DropSealed(const std::vector<AreaPtr>& areas,
                        const CommitPtr& head) {
  absl::MutexLock lock(&mu_);
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
