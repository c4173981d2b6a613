// How a link ends.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/link/link_run.h"
#include "gateway/staging/link/request_mark.h"

namespace lakefs::gateway {
namespace {

// Whether ours has the checksum that it replaces: then no mark tells them
// apart.
bool IsAsExpected(const UndecidedLink& link) {
  return std::any_of(link.ours.begin(), link.ours.end(),
                     [&link](const auto& ours) {
                       return ours.second.checksum == link.request.if_match;
                     });
}

}  // namespace

LinkReport LinkRun::Committed(ObjectStats stats) const {
  return {.outcome = Outcome::kCommitted,
          .object = std::move(stats),
          .rounds = link_.rounds,
          .rescue = rescue_};
}

LinkReport LinkRun::Superseded() const {
  return {.outcome = Outcome::kSuperseded,
          .object = OurStats(),
          .rounds = link_.rounds};
}

// Something is in the way of the condition.
LinkReport LinkRun::Refused() const {
  return link_.request.if_match ? Changed() : AlreadyExists();
}

LinkReport LinkRun::AlreadyExists() const {
  LinkReport report{
      .status = MakeError(
          absl::StatusCode::kAlreadyExists,
          absl::StrCat(ToString(link_.request.object), " exists already"),
          Reason::kObjectExists),
      .outcome = Outcome::kNotCommitted,
      .object = path_.seen(),
      .rounds = link_.rounds};
  if (link_.lost) {
    // It may have stood there before the other, or come when the other goes.
    LeaveUndecided(report);
  }
  return report;
}

LinkReport LinkRun::Changed() const {
  if (IsBuiltUponOurs()) return Superseded();
  const std::optional<ObjectStats>& seen = path_.seen();
  LinkReport report = ObjectChanged(link_.request.object, seen);
  report.rounds = link_.rounds;
  // Where what stands there has replaced what we expected, or where nothing
  // does, nobody has built upon ours.
  const bool stands_in_our_place =
      seen ? Replaces(*seen, *link_.request.if_match) && !IsAsExpected(link_)
           : !link_.doubtful;
  if (!link_.lost && stands_in_our_place) return report;
  // It may have stood there before the other, or come when the other goes.
  report.status =
      Annotate(report.status,
               "it cannot be found out whether ours stood there for a while");
  LeaveUndecided(report);
  return report;
}

// Whether the mark of what is seen names ours, so that ours has stood there.
bool LinkRun::IsBuiltUponOurs() const {
  const std::optional<ObjectStats>& seen = path_.seen();
  if (!seen || IsAsExpected(link_)) return false;
  return std::any_of(
      link_.ours.begin(), link_.ours.end(),
      [&](const auto& ours) { return Replaces(*seen, ours.second.checksum); });
}

// lakeFS has taken it, and has other bytes than were sent.
LinkReport LinkRun::WrongSize() const {
  return {
      .status = failure_, .outcome = Outcome::kUnknown, .rounds = link_.rounds};
}

// The bytes end with the call.
void LinkRun::LeaveUndecided(LinkReport& report) const {
  auto undecided = std::make_shared<UndecidedLink>(link_);
  undecided->placement.send = nullptr;
  report.outcome = Outcome::kUnknown;
  report.undecided = std::move(undecided);
}

LinkReport LinkRun::CannotTell(const absl::Status& why) {
  failure_ = why;
  return Failed(failure_);
}

// Nothing more is tried. What was lost on the way may still take effect.
LinkReport LinkRun::Failed(absl::Status status) const {
  LinkReport report{.status = std::move(status),
                    .outcome = Outcome::kNotCommitted,
                    .rounds = link_.rounds};
  if (ReasonOf(report.status) == Reason::kLinkConflict) {
    report.try_here = try_here_;
  }
  if (!context_.Over().ok()) report.status = OverWithLastError();
  if (!link_.MayStand()) return report;
  LeaveUndecided(report);
  if (!absl::IsDeadlineExceeded(report.status) &&
      !absl::IsCancelled(report.status)) {
    ErrorDetails details = DetailsOf(report.status);
    details.reason = Reason::kOutcomeUnknown;
    report.status = MakeError(
        absl::StatusCode::kUnknown,
        absl::StrCat("it could not be found out whether ",
                     ToString(link_.request.object),
                     " was linked; the last error: ", report.status.message()),
        details);
  }
  return report;
}

absl::Status LinkRun::OverWithLastError() const {
  const absl::Status over = context_.Over();
  if (over.ok() || failure_.code() == over.code()) return failure_;
  ErrorDetails details = DetailsOf(failure_);
  details.reason = ReasonOf(over);
  return MakeError(
      over.code(),
      absl::StrCat(over.message(), "; the last error: ", failure_.message()),
      details);
}

ObjectStats LinkRun::OurStats() const {
  const LinkRequest& request = link_.request;
  const WallTime mtime = request.mtime.value_or(context_.clock().WallNow());
  return {.path = request.object.path,
          .physical_address = link_.placement.location.physical_address,
          .checksum = link_.placement.checksum,
          .size_bytes = request.size_bytes,
          .mtime = EpochSeconds(mtime),
          .user_metadata = request.user_metadata,
          .content_type = request.content_type};
}

}  // namespace lakefs::gateway
