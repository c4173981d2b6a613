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
  const Sight sight = Classify();
  link_.visible = sight == Sight::kOurs;
  return sight;
}

absl::StatusOr<std::optional<ObjectStats>> PathView::LookCommitted(
    const CallContext& context) {
  if (auto over = context.Over(); !over.ok()) return over;
  auto stats = Repeat(
      context, budget_, random_,
      [&] { return lakefs_.StatCommitted(context, link_.request.object); },
      kUntilOver);
  if (!stats.ok()) return stats.status();
  if (*stats && !Recognize(**stats)) return std::nullopt;
  return *std::move(stats);
}

absl::StatusOr<bool> PathView::ReadBack(const CallContext& context) {
  return Repeat(
      context, budget_, random_,
      [&] { return lakefs_.ReadFirstByte(context, link_.request.object); },
      kUntilOver);
}

// Whether the object is ours; gives it the address that we linked.
bool PathView::Recognize(ObjectStats& stats) {
  for (const auto& [address, placement] : link_.ours) {
    if (IsShownAs(address, stats.physical_address)) {
      stats.physical_address = address;
      return true;
    }
  }
  const bool of_this_call = IsOfThisCall(stats);
  if (!of_this_call && !IsEarlier(stats)) return false;
  Adopt(stats, !of_this_call);
  return true;
}

// Whether this call has sent it through lakeFS, and it came whole.
bool PathView::IsOfThisCall(const ObjectStats& stats) const {
  return SameUpload(link_.request.user_metadata, stats.user_metadata) &&
         link_.request.size_bytes == stats.size_bytes;
}

// Whether it is an earlier call's, of the same request. One that used the same
// request_id for something else is another's: to link its object again with
// what we know of ours would spoil it.
bool PathView::IsEarlier(const ObjectStats& stats) const {
  const LinkRequest& request = link_.request;
  return CameBySame(request.user_metadata, stats.user_metadata) &&
         SameMetadata(request.user_metadata, stats.user_metadata) &&
         request.size_bytes == stats.size_bytes &&
         (request.content_type.empty() ||
          request.content_type == stats.content_type);
}

void PathView::Adopt(const ObjectStats& stats, bool earlier) {
  const std::string& address = stats.physical_address;
  const StagingLocation& linked = link_.placement.location;
  // Where addresses are signed, one that went through lakeFS is not.
  const bool as_signed =
      IsSignedAddress(address) == IsSignedAddress(linked.physical_address);
  link_.ours[address] = {
      .location = {.physical_address = address, .token = linked.token},
      .checksum = stats.checksum,
      .relinkable =
          link_.placement.relinkable && ShowsAddress(address) && as_signed,
      .earlier = earlier};
}

Sight PathView::Classify() {
  if (!seen_) return Sight::kNothing;
  if (Recognize(*seen_)) return Sight::kOurs;
  // Without knowledge of what was there, an entry counts as older: our call
  // has not ended, so our link may come after any other.
  const Before& before = link_.before;
  if (!before.known) return Sight::kBefore;
  const bool is_before = before.object && before.object->physical_address ==
                                              seen_->physical_address;
  return is_before ? Sight::kBefore : Sight::kAnothers;
}

}  // namespace lakefs::gateway
