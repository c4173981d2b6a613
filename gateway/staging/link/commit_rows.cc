// The rows of the table in link_loop.h by which a commit decides: of an entry
// of ours that is seen and cannot be linked again.
#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/link_run.h"

namespace lakefs::gateway {
namespace {

// Between two looks. Of 411 entries decided so, half took 60 ms or less, and
// the slowest in a hundred 141 ms.
constexpr std::chrono::milliseconds kFirstWait{20};
constexpr std::chrono::milliseconds kLongestWait{1'000};

// What the commits say of an entry of ours.
struct CommitProof {
  enum class Verdict {
    kCommitted,  // ours is what is committed; `object`
    kGone,       // it stands there no more, but what it was to replace
    kAnothers,   // another's object stands in its place
    kUndecided,  // it stands there, and no commit has taken it yet
  };
  Verdict verdict = Verdict::kUndecided;
  std::optional<ObjectStats> object;
};

// Looks at what is committed of the branch, and at the branch, until one of
// them tells whether the entry that has just been seen at the path outlives the
// commit that met it; for `patience` at most. `wanted` is what the path shows
// without it.
//
// Source: `refs/BRANCH@` shows only what is committed, `refs/BRANCH` what is
// staged and sealed too (seen of v1.21, v1.79 and v1.84).
absl::StatusOr<CommitProof> ProveByCommit(const CallContext& context,
                                          PathView& path, Sight wanted,
                                          Duration patience) {
  using Verdict = CommitProof::Verdict;
  const TimePoint until = context.clock().Now() + patience;
  Duration wait = kFirstWait;
  Sight sight = Sight::kOurs;
  while (true) {
    // After the look at the branch: what that does not show any more may have
    // been committed, and replaced since.
    auto committed = path.LookCommitted(context);
    if (!committed.ok()) return committed.status();
    if (*committed) {
      return CommitProof{Verdict::kCommitted, *std::move(committed)};
    }
    if (sight == wanted) return CommitProof{Verdict::kGone, {}};
    if (sight != Sight::kOurs) return CommitProof{Verdict::kAnothers, {}};
    if (context.clock().Now() >= until) return CommitProof{};
    if (auto over = context.Sleep(wait); !over.ok()) return over;
    wait = std::min<Duration>(2 * wait, kLongestWait);
    const absl::StatusOr<Sight> now = path.Look(context);
    if (!now.ok()) return now.status();
    sight = *now;
  }
}

}  // namespace

// The entry of an unconditional write stays.
LinkRun::Ended LinkRun::AwaitCommit() {
  if (!link_.conditional) return Committed(*path_.seen());
  const Duration patience =
      link_.doubtful ? options_.commit_patience : options_.settled_after;
  const absl::StatusOr<CommitProof> proof =
      ProveByCommit(context_, path_, Wanted(), patience);
  if (!proof.ok()) return CannotTell(proof.status());
  switch (proof->verdict) {
    case CommitProof::Verdict::kCommitted:
      return Committed(*proof->object);
    case CommitProof::Verdict::kGone:
      rescue_ = "lost_write";
      link_.doubtful = false;
      failure_ = LostToCommit();
      return NewRound(std::nullopt);
    case CommitProof::Verdict::kAnothers:
      // Ours stood there, and what became of it only a mark can tell.
      link_.lost |= !link_.request.if_match;
      return Refused();
    case CommitProof::Verdict::kUndecided:
      if (!link_.doubtful) return Committed(*path_.seen());
      return CannotTell(MakeError(
          absl::StatusCode::kUnavailable,
          absl::StrCat("a commit that may keep or drop ",
                       ToString(link_.request.object), " is not over yet"),
          Reason::kOutcomeUnknown));
  }
  return kLinkAgain;
}

absl::Status LinkRun::LostToCommit() const {
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat(ToString(link_.request.object),
                                " was lost to a commit that ran at the same "
                                "time; start over"),
                   Reason::kLinkConflict);
}

}  // namespace lakefs::gateway
