// The rows of the table in link_loop.h that are a complete's own.
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/link_run.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

// The store would not put the parts together.
LinkRun::Ended LinkRun::AfterStoreRefused() {
  if (!link_.placement.multipart) return Failed(failure_);
  const bool gone =
      DetailsOf(failure_).metadata["storeErrorCode"] == "NoSuchUpload";
  if (link_.placement.shared) return AfterSharedRefused(gone);
  if (gone && link_.lost && !link_.placement.relinkable) {
    return AfterUnusableAddress();
  }
  if (gone && link_.lost && !link_.dropped) return FinishByLink();
  if (!gone) {
    ErrorDetails details = DetailsOf(failure_);
    details.reason = Reason::kChecksumMismatch;
    failure_ =
        MakeError(absl::StatusCode::kDataLoss,
                  absl::StrCat("the store does not have the parts that it "
                               "acknowledged: ",
                               failure_.message()),
                  details);
  }
  return NewRound(std::nullopt);
}

// The parts may be those of another call, which goes on with the same upload by
// its resume token: nothing can be made of them that is known to be ours.
LinkRun::Ended LinkRun::AfterSharedRefused(bool gone) {
  if (!gone) {
    return Failed(MakeError(
        absl::StatusCode::kAborted,
        "another call with the same resume token has put other parts to this "
        "upload; let one of them go on alone",
        Reason::kLinkConflict));
  }
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok()) return CannotTell(sight.status());
  if (*sight == Sight::kOurs) return ProveOurs("lost_answer");
  // Whoever has completed it may be about to link it.
  link_.lost = true;
  return Failed(failure_);
}

// A complete that was lost has put the parts together, as far as can be told.
LinkRun::Ended LinkRun::FinishByLink() {
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok()) return CannotTell(sight.status());
  if (*sight == Sight::kOurs) return ProveOurs("lost_answer");
  if (*sight == Sight::kAnothers) return AfterAnothers();
  link_.placement.multipart.reset();
  link_.unproven_bytes = true;
  rescue_ = "finish_by_link";
  return kLinkAgain;
}

// What was linked on the word of a lost complete.
LinkRun::Ended LinkRun::AfterUnprovenBytes(const ObjectStats& stats) {
  link_.visible = true;
  const absl::StatusOr<bool> bytes = path_.ReadBack(context_);
  if (!bytes.ok()) return CannotTell(bytes.status());
  if (*bytes) return Committed(stats);
  // There were none: the upload had been dropped. What was linked misleads
  // every reader, and must not stay.
  failure_ = MakeError(absl::StatusCode::kDataLoss,
                       "the store has dropped the parts of the upload",
                       Reason::kChecksumMismatch);
  if (const auto undone = Undo(); !undone.ok()) return CannotTell(undone);
  link_.unproven_bytes = link_.visible = link_.lost = false;
  // What was lost of that may come yet, and would take the next one away.
  if (undo_lost_) return Failed(failure_);
  return NewRound(std::nullopt);
}

// Takes an entry without bytes away again, unless another's has come since;
// whether or not the call is over.
absl::Status LinkRun::Undo() {
  const CallContext probe =
      context_.Over().ok() ? context_ : context_.Detached(options_.find_out);
  return Repeat(probe, budget_, random_, [&] { return UndoOnce(probe); });
}

absl::Status LinkRun::UndoOnce(const CallContext& probe) {
  const ObjectPath& object = link_.request.object;
  const auto stats = lakefs_.StatObject(probe, object);
  if (!stats.ok()) return stats.status();
  if (!*stats || !link_.ours.contains((*stats)->physical_address)) {
    return absl::OkStatus();
  }
  if (link_.before.object) {
    const ObjectStats& old = *link_.before.object;
    const LinkAnswer back = lakefs_.LinkPhysicalAddress(
        probe, object,
        {.staging = {.physical_address = old.physical_address},
         .checksum = old.checksum,
         .size_bytes = old.size_bytes.value_or(0),
         .user_metadata = old.user_metadata,
         .content_type = old.content_type,
         .mtime = FromEpochSeconds(old.mtime),
         .force = link_.request.force},
        /*condition=*/{});
    // One that was lost may stand there by now, and must not be deleted.
    if (back.stats.ok() || Transient(back.stats.status())) {
      return Undone(back.stats.status());
    }
  }
  return Undone(lakefs_.DeleteObject(probe, object));
}

absl::Status LinkRun::Undone(absl::Status status) {
  undo_lost_ |= Ambiguous(status);
  return status;
}

}  // namespace lakefs::gateway
