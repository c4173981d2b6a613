#include "gateway/staging/link/path_view.h"

#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

absl::StatusOr<Sight> PathView::Look(const CallContext& context) {
  if (auto over = context.Over(); !over.ok()) return over;
  auto stats = Repeat(
      context, budget_, random_,
      [&] { return lakefs_.StatObject(context, link_.request.object); },
      kUntilOver);
  if (!stats.ok()) return stats.status();
  seen_ = *std::move(stats);
  if (seen_) {
    NameAsLinked();
    if (IsEarlier(*seen_)) AdoptEarlier();
  }
  const Sight sight = Classify();
  link_.visible = sight == Sight::kOurs;
  return sight;
}

absl::StatusOr<bool> PathView::ReadBack(const CallContext& context) {
  return Repeat(
      context, budget_, random_,
      [&] { return lakefs_.ReadFirstByte(context, link_.request.object); },
      kUntilOver);
}

// Gives what is ours the address that we linked.
void PathView::NameAsLinked() {
  for (const auto& [address, placement] : link_.ours) {
    if (IsShownAs(address, seen_->physical_address)) {
      seen_->physical_address = address;
    }
  }
}

// By an earlier call, whose answer was lost.
void PathView::AdoptEarlier() {
  Placement& earlier = link_.ours[seen_->physical_address];
  earlier.location = {.physical_address = seen_->physical_address,
                      .token = link_.placement.location.token};
  earlier.checksum = seen_->checksum;
  earlier.relinkable =
      link_.placement.relinkable && ShowsAddress(seen_->physical_address);
}

// Whether it is an earlier call's, of the same request. One that used the same
// request_id for something else is another's: to link its object again with
// what we know of ours would spoil it.
bool PathView::IsEarlier(const ObjectStats& stats) const {
  const LinkRequest& request = link_.request;
  return CameBySame(request.user_metadata, stats.user_metadata) &&
         request.user_metadata == stats.user_metadata &&
         request.size_bytes == stats.size_bytes &&
         (request.content_type.empty() ||
          request.content_type == stats.content_type) &&
         !link_.ours.contains(stats.physical_address);
}

Sight PathView::Classify() const {
  if (!seen_) return Sight::kNothing;
  if (link_.ours.contains(seen_->physical_address)) return Sight::kOurs;
  // Without knowledge of what was there, an entry counts as older: our call
  // has not ended, so our link may come after any other.
  const Before& before = link_.before;
  if (!before.known) return Sight::kBefore;
  const bool is_before = before.object && before.object->physical_address ==
                                              seen_->physical_address;
  return is_before ? Sight::kBefore : Sight::kAnothers;
}

}  // namespace lakefs::gateway
