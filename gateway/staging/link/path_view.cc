#include "gateway/staging/link/path_view.h"

#include <utility>

#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

using std::chrono::seconds;

// A reply may be so much later than its Date: that is cut to its second, and
// can be one that was written a while before (500 ms, by Envoy).
constexpr seconds kDateBehind{2};

}  // namespace

absl::StatusOr<Sight> PathView::Look(const CallContext& context) {
  if (auto over = context.Over(); !over.ok()) return over;
  TimePoint asked;
  auto stats = Repeat(
      context, budget_, random_,
      [&] {
        asked = context.clock().Now();
        return lakefs_.StatObject(context, link_.request.object);
      },
      kUntilOver);
  if (!stats.ok()) return stats.status();
  seen_ = *std::move(stats);
  const Sight sight = Classify(asked);
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

Sight PathView::Classify(TimePoint asked) {
  const bool ours = seen_ && Recognize(*seen_);
  if (const auto& expected = link_.request.if_match; expected && !ours) {
    if (!seen_) return Sight::kNothing;
    return seen_->checksum == *expected ? Sight::kBefore : Sight::kAnothers;
  }
  Before& before = link_.before;
  if (!before.known && !before.ours_unmarked) {
    // Whatever comes from now on is newer. What is seen counts as older unless
    // it is for certain not, since that is always right: our call has not
    // ended, so our link may come after any other.
    before.known = true;
    if (!ours && !(link_.lost && CameSince(asked))) before.object = seen_;
  }
  if (ours) return Sight::kOurs;
  if (!seen_) return Sight::kNothing;
  if (!before.known) return Sight::kBefore;
  const bool is_before = before.object && before.object->physical_address ==
                                              seen_->physical_address;
  return is_before ? Sight::kBefore : Sight::kAnothers;
}

// Whether what is seen was written after our first link was sent: by lakeFS's
// clock, it is for certain younger than that.
bool PathView::CameSince(TimePoint asked) const {
  if (!seen_ || !seen_->shown_at || !link_.first_sent) return false;
  // In whole seconds, and within what the clock can hold: any mtime can come.
  const int64_t age = EpochSeconds(*seen_->shown_at) -
                      EpochSeconds(FromEpochSeconds(seen_->mtime));
  const auto ours =
      std::chrono::duration_cast<seconds>(asked - *link_.first_sent);
  return age >= 0 && age + kDateBehind.count() <= ours.count();
}

}  // namespace lakefs::gateway
