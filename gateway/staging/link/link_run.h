// One link, from its first attempt to its report.
#pragma once

#include <optional>

#include "absl/random/bit_gen_ref.h"
#include "gateway/base/backoff.h"
#include "gateway/staging/link/link_loop.h"
#include "gateway/staging/link/path_view.h"

namespace lakefs::gateway {

// The loop of LinkLoop. Each After… is a row of the table in link_loop.h: it
// returns the report, or nothing to link again. The rows of a complete are in
// complete_rows.cc, those by which a commit decides in commit_rows.cc, the
// reports in link_report.cc.
//
// Threads: one.
class LinkRun {
 public:
  // Begins with what is known of `link`. The other arguments must outlive this.
  LinkRun(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
          const LinkOptions& options, const CallContext& context,
          const Place& place, UndecidedLink link, absl::BitGenRef random);

  LinkReport Run(Placement placement);

  // Goes on with a link that was lost. With `look_only`, links nothing that
  // cannot be seen.
  LinkReport Resume(bool look_only);

  // Whether the time for linking is over; for finding out, there is more.
  bool over() const { return !context_.Over().ok(); }

 private:
  using Ended = std::optional<LinkReport>;
  static constexpr std::nullopt_t kLinkAgain = std::nullopt;

  Ended LookFirst();
  LinkReport Loop();
  absl::StatusOr<LinkAnswer> Attempt();
  LinkAnswer Send();
  StagingMetadata Metadata() const;

  Ended AfterSuccess(const ObjectStats& stats);
  LinkReport AfterCreate(const ObjectStats& stats);
  Ended AfterFailure(const LinkAnswer& answer);
  Ended AfterConflict(const std::optional<StagingLocation>& try_here);
  Ended AfterPreconditionFailed();
  Ended AfterLostWrite();
  Ended AfterLostAnswer();
  LinkReport AfterAnothers();
  Sight Wanted() const;
  Ended AfterUnusableAddress();
  Ended AfterRejection();

  // commit_rows.cc
  Ended AwaitCommit();
  absl::Status LostToCommit() const;

  // complete_rows.cc
  Ended AfterStoreRefused();
  Ended AfterSharedRefused(bool gone);
  Ended FinishByLink();
  Ended AfterUnprovenBytes(const ObjectStats& stats);
  absl::Status Undo();
  absl::Status UndoOnce(const CallContext& probe);
  absl::Status Undone(absl::Status status);

  // What the rows lead to.
  Ended ProveOurs(absl::string_view rescue);
  Ended LinkAgain();
  Ended SameAgain();
  Ended LookOn();
  Ended NewRound(const std::optional<StagingLocation>& where);
  Ended BackOff();
  void Adopt(Placement placement);

  // link_report.cc
  LinkReport Committed(ObjectStats stats) const;
  LinkReport Superseded() const;
  LinkReport Refused() const;
  LinkReport AlreadyExists() const;
  LinkReport Changed() const;
  bool IsBuiltUponOurs() const;
  LinkReport WrongSize() const;
  LinkReport CannotTell(const absl::Status& why);
  LinkReport Failed(absl::Status status) const;
  absl::Status OverWithLastError() const;
  void LeaveUndecided(LinkReport& report) const;
  ObjectStats OurStats() const;

  LakefsApi& lakefs_;
  RetryBudget& budget_;
  LinkGate& gate_;
  const LinkOptions& options_;
  const Place& place_;
  absl::BitGenRef random_;
  Backoff backoff_;
  CallContext context_;

  UndecidedLink link_;  // what is known by now
  PathView path_;
  WriteCondition condition_;  // of the next link
  int links_ = 0;             // sent
  absl::Status failure_;      // of the last link, or of what followed it
  std::optional<StagingLocation> try_here_;
  bool refused_ = false;    // by a 409, since one was lost
  bool undo_lost_ = false;  // an answer to what takes an entry away
  int lost_writes_ = 0;     // 412s with nothing to be seen
  bool look_only_ = false;
  TimePoint look_until_ = TimePoint::max();
  absl::string_view rescue_;
};

}  // namespace lakefs::gateway
