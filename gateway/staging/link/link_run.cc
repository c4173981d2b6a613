#include "gateway/staging/link/link_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// From the first look at a path to the second, where an address is used up by
// nobody who can be seen: lakeFS takes the address first, and writes then.
constexpr std::chrono::seconds kSecondLook{1};

// Some of the call's time is kept for finding out.
CallContext WithReserve(const CallContext& context,
                        const LinkOptions& options) {
  const Duration reserve =
      std::min(Duration(options.reserve), context.Remaining() / 10);
  return context.WithDeadline(context.deadline() - reserve);
}

}  // namespace

LinkRun::LinkRun(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
                 const LinkOptions& options, const CallContext& context,
                 const Place& place, UndecidedLink link, absl::BitGenRef random)
    : lakefs_(lakefs),
      budget_(budget),
      gate_(gate),
      options_(options),
      place_(place),
      random_(random),
      backoff_(options.backoff, random),
      context_(WithReserve(context, options)),
      link_(std::move(link)),
      path_(lakefs, budget, link_, random),
      condition_(link_.request.condition()) {}

LinkReport LinkRun::Run(Placement placement) {
  Adopt(std::move(placement));
  if (link_.request.if_match && !link_.before.known) {
    if (auto report = LookFirst()) return *std::move(report);
  }
  return Loop();
}

// After a 412 nobody could tell a wrong expectation from a race.
LinkRun::Ended LinkRun::LookFirst() {
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok()) {
    // Who may write need not be allowed to read.
    const bool may_not = ReasonOf(sight.status()) == Reason::kPermissionDenied;
    return may_not ? kLinkAgain : Ended(Failed(sight.status()));
  }
  if (*sight == Sight::kOurs) return ProveOurs(rescue_);
  if (*sight == Wanted()) return kLinkAgain;
  return ObjectChanged(link_.request.object, path_.seen());
}

LinkReport LinkRun::Resume(bool look_only) {
  look_only_ = look_only;
  failure_ = link_.lost ? MakeError(absl::StatusCode::kUnavailable,
                                    "an earlier link got no answer",
                                    Reason::kUpstreamConnectionLost)
                        : LostToCommit();
  Ended ended = link_.lost ? AfterLostAnswer() : AfterPreconditionFailed();
  return ended ? *std::move(ended) : Loop();
}

LinkReport LinkRun::Loop() {
  while (true) {
    const absl::StatusOr<LinkAnswer> answer = Attempt();
    if (!answer.ok()) {
      if (failure_.ok()) failure_ = answer.status();
      return Failed(failure_);
    }
    if (answer->stats.ok()) {
      budget_.Succeeded();
      if (auto report = AfterSuccess(*answer->stats)) return *std::move(report);
    } else {
      failure_ = answer->stats.status();
      if (auto report = AfterFailure(*answer)) return *std::move(report);
    }
    if (++links_ == options_.max_links) return Failed(failure_);
  }
}

// An error if the call is over before its turn comes.
absl::StatusOr<LinkAnswer> LinkRun::Attempt() {
  link_.conditional |= !condition_.none();
  const auto leaves = [this] {
    if (!link_.first_sent) link_.first_sent = context_.clock().Now();
  };
  // No others wait for one that takes as long as its caller sends.
  if (const SendThrough& send = link_.placement.send) {
    leaves();
    return send(context_, link_.request, condition_);
  }
  auto pass = gate_.Enter(context_);
  if (!pass.ok()) return pass.status();
  leaves();
  LinkAnswer answer = Send();
  pass->Done(answer.stats.status());
  return answer;
}

LinkAnswer LinkRun::Send() {
  const Placement& placement = link_.placement;
  const LinkRequest& request = link_.request;
  if (context_.clock().Now() >=
      placement.link_before - options_.expiry_margin) {
    return {.stats = MakeError(
                absl::StatusCode::kFailedPrecondition,
                "the address can be linked no more: lakeFS gives each only "
                "some hours; upload the object again",
                Reason::kLinkAddressExpired)};
  }
  if (const auto& multipart = placement.multipart) {
    return {.stats = lakefs_.CompletePresignMultipartUpload(
                context_, request.object, multipart->upload, multipart->parts,
                request.user_metadata, request.content_type)};
  }
  return lakefs_.LinkPhysicalAddress(context_, request.object, Metadata(),
                                     condition_);
}

StagingMetadata LinkRun::Metadata() const {
  return {.staging = link_.placement.location,
          .checksum = link_.placement.checksum,
          .size_bytes = link_.request.size_bytes,
          .user_metadata = link_.request.user_metadata,
          .content_type = link_.request.content_type,
          .mtime = link_.request.mtime,
          .force = link_.request.force};
}

LinkRun::Ended LinkRun::AfterSuccess(const ObjectStats& stats) {
  if (link_.unproven_bytes) return AfterUnprovenBytes(stats);
  if (condition_.if_absent && link_.request.skips_creates)
    return AfterCreate(stats);
  return Committed(stats);
}

// lakeFS may have skipped it for another's that came just before. What stands
// there now tells that; or ours stood there, and has been replaced since. Who
// may not look has lakeFS's word.
LinkReport LinkRun::AfterCreate(const ObjectStats& stats) {
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok() || *sight == Sight::kNothing) return Committed(stats);
  if (*sight == Sight::kOurs) return Committed(*path_.seen());
  link_.lost = true;
  return AlreadyExists();
}

LinkRun::Ended LinkRun::AfterFailure(const LinkAnswer& answer) {
  switch (ReasonOf(failure_)) {
    case Reason::kLinkConflict:
      return AfterConflict(answer.try_here);
    case Reason::kObjectExists:
      return AfterPreconditionFailed();
    case Reason::kLinkAddressExpired:
      return AfterUnusableAddress();
    case Reason::kUpstreamRejected:
      return AfterRejection();
    case Reason::kUpstreamUnreachable:
      if (auto ended = BackOff()) return ended;
      return SameAgain();
    case Reason::kUpstreamUnimplemented:
      return Failed(condition_.if_match
                        ? Annotate(failure_,
                                   "if_match needs a lakeFS that implements "
                                   "If-Match, as the open-source one does not")
                        : failure_);
    case Reason::kStoreRejected:
      return AfterStoreRefused();
    case Reason::kSizeMismatch:
      return absl::IsDataLoss(failure_) ? WrongSize() : Failed(failure_);
    default:
      return Ambiguous(failure_) ? AfterLostAnswer() : Failed(failure_);
  }
}

LinkRun::Ended LinkRun::AfterConflict(
    const std::optional<StagingLocation>& try_here) {
  try_here_ = try_here;
  if (link_.MayStand()) {
    const absl::StatusOr<Sight> sight = path_.Look(context_);
    if (!sight.ok()) return CannotTell(sight.status());
    if (*sight == Sight::kOurs) {
      // One call never links two objects.
      if (auto ended = BackOff()) return ended;
      return ProveOurs(rescue_);
    }
    if (link_.lost && *sight == Sight::kAnothers) return AfterAnothers();
    // The lost one may still come; if lakeFS refuses this address twice, it
    // refuses that one too.
    if (link_.lost && !look_only_ && !std::exchange(refused_, true)) {
      if (auto ended = BackOff()) return ended;
      return SameAgain();
    }
  }
  if (!try_here && place_) {
    if (auto ended = BackOff()) return ended;
  }
  return NewRound(try_here);
}

LinkRun::Ended LinkRun::AfterPreconditionFailed() {
  link_.visible = true;
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok()) return CannotTell(sight.status());
  if (*sight == Sight::kOurs) {
    // A commit got in between. The entry may stand in a staging area that is
    // about to be dropped, so seeing it proves nothing. (Where an attempt was
    // lost, that one may have met the condition instead.)
    link_.doubtful |= !link_.lost;
    return ProveOurs("false_precondition");
  }
  return *sight == Wanted() ? AfterLostWrite() : Refused();
}

// What the path has to show for a link under the condition to take effect.
Sight LinkRun::Wanted() const {
  return link_.request.if_match ? Sight::kBefore : Sight::kNothing;
}

// Commits do that once or twice; more often it is something else.
LinkRun::Ended LinkRun::AfterLostWrite() {
  rescue_ = "lost_write";
  failure_ = LostToCommit();
  if (++lost_writes_ > 2) {
    failure_ =
        MakeError(absl::StatusCode::kAborted,
                  absl::StrCat("lakeFS refuses again and again to write ",
                               ToString(link_.request.object),
                               ", and then shows nothing in the way"),
                  Reason::kLinkConflict);
    if (auto ended = BackOff()) return ended;
  }
  return LinkAgain();
}

LinkRun::Ended LinkRun::AfterLostAnswer() {
  link_.lost = true;
  refused_ = false;
  while (true) {
    const absl::StatusOr<Sight> sight = path_.Look(context_);
    if (!sight.ok()) return CannotTell(sight.status());
    if (*sight == Sight::kOurs) return ProveOurs("lost_answer");
    const bool in_the_way =
        !link_.request.condition().none() && *sight != Wanted();
    if (in_the_way || *sight == Sight::kAnothers) return AfterAnothers();
    if (auto ended = BackOff()) return ended;
    if (look_only_) {
      if (context_.clock().Now() < look_until_) continue;
      return Failed(failure_);
    }
    // The same address, even where it may be burnt: the lost link may still
    // come, and of an address only one can.
    condition_ = link_.request.condition();
    return SameAgain();
  }
}

// After a link that was lost.
LinkReport LinkRun::AfterAnothers() {
  return link_.request.condition().none() ? Superseded() : Refused();
}

LinkRun::Ended LinkRun::AfterUnusableAddress() {
  absl::StatusOr<Sight> sight = path_.Look(context_);
  const bool nobodys =
      sight.ok() && *sight != Sight::kOurs && *sight != Sight::kAnothers;
  if (nobodys && link_.lost && !link_.placement.relinkable) {
    // It may be our lost link that has just used the address up, and whose
    // entry is still being written.
    if (!context_.Sleep(kSecondLook).ok()) return Failed(failure_);
    sight = path_.Look(context_);
  }
  if (!sight.ok()) return CannotTell(sight.status());
  if (*sight == Sight::kOurs) {
    // That its bytes are there is no more certain.
    if (link_.unproven_bytes) return Failed(failure_);
    rescue_ = "used_address";
    return AwaitCommit();
  }
  if (link_.lost && *sight == Sight::kAnothers) return AfterAnothers();
  return NewRound(std::nullopt);
}

// A 400 about the address's signature can mean that the branch is missing; or,
// where ours was seen at it, that the address has none.
LinkRun::Ended LinkRun::AfterRejection() {
  if (link_.visible && !link_.unproven_bytes) return AwaitCommit();
  const ObjectPath& object = link_.request.object;
  const absl::Status branch =
      lakefs_.GetBranch(context_, object.repository, object.branch);
  return Failed(ReasonOf(branch) == Reason::kNotFound ? branch : failure_);
}

// A link of what is seen, whose 200 is the proof. With if_match it goes under
// the condition that ours stands there yet, so that it overwrites nobody who
// has built upon it. To see what an earlier call has linked rescues nothing.
LinkRun::Ended LinkRun::ProveOurs(absl::string_view rescue) {
  link_.placement = link_.ours.at(path_.seen()->physical_address);
  if (link_.placement.shared &&
      path_.seen()->checksum != link_.placement.checksum) {
    link_.visible = false;
    return Failed(MakeError(
        absl::StatusCode::kAborted,
        "another call with the same resume token has linked other bytes at the "
        "address of this upload",
        Reason::kLinkConflict));
  }
  if (link_.placement.earlier) {
    link_.doubtful = false;
  } else {
    rescue_ = rescue;
  }
  if (!link_.placement.relinkable) return AwaitCommit();
  link_.placement.multipart.reset();  // an entry comes after its object
  condition_ = {};
  if (link_.request.if_match) condition_.if_match = path_.seen()->checksum;
  return kLinkAgain;
}

// Links the same address again or, where it is burnt, another.
LinkRun::Ended LinkRun::LinkAgain() {
  if (look_only_) return Failed(failure_);
  if (!link_.placement.relinkable) return NewRound(std::nullopt);
  condition_ = link_.request.condition();
  return kLinkAgain;
}

// The same attempt once more.
LinkRun::Ended LinkRun::SameAgain() {
  if (link_.placement.through_lakefs) return NewRound(std::nullopt);
  return kLinkAgain;
}

// What was lost may still come, and its bytes cannot be sent again.
LinkRun::Ended LinkRun::LookOn() {
  look_only_ = true;
  look_until_ = context_.clock().Now() + options_.look_on;
  return AfterLostAnswer();
}

LinkRun::Ended LinkRun::NewRound(const std::optional<StagingLocation>& where) {
  if (look_only_ || !place_) return Failed(failure_);
  if (link_.rounds == options_.max_rounds) {
    return Failed(Annotate(
        failure_, absl::StrCat("given up after ", link_.rounds, " rounds")));
  }
  absl::StatusOr<Placement> placement = place_(where);
  if (!placement.ok()) {
    if (link_.placement.through_lakefs && link_.lost) return LookOn();
    // That the bytes cannot be had again says less than why they are needed.
    const bool lost = (absl::IsDataLoss(failure_) ||
                       ReasonOf(failure_) == Reason::kLinkAddressExpired) &&
                      ReasonOf(placement.status()) == Reason::kLinkConflict;
    if (!lost) failure_ = placement.status();
    return Failed(failure_);
  }
  ++link_.rounds;
  Adopt(*std::move(placement));
  condition_ = link_.request.condition();
  return kLinkAgain;
}

LinkRun::Ended LinkRun::BackOff() {
  const RetryVerdict verdict =
      WaitToRetry(context_, failure_, backoff_, budget_);
  if (verdict == RetryVerdict::kRetried) return kLinkAgain;
  return Failed(
      WithMetadata(failure_, "retryVerdict", RetryVerdictName(verdict)));
}

void LinkRun::Adopt(Placement placement) {
  link_.placement = std::move(placement);
  link_.dropped = false;
  if (link_.placement.through_lakefs) return;
  link_.ours[link_.placement.location.physical_address] = link_.placement;
}

}  // namespace lakefs::gateway
