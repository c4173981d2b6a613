#include "gateway/staging/link/link_run.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// From the first look at a path to the second, where an address is used up. By
// nobody who can be seen: lakeFS takes the address first, and writes then.
// Under a 412, by an entry of ours: of 183 seen once under v1.21.0, 3 were
// dropped.
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
      conditional_(link_.request.if_absent) {}

LinkReport LinkRun::Run(Placement placement) {
  Adopt(std::move(placement));
  return Loop();
}

LinkReport LinkRun::Resume(bool look_only) {
  look_only_ = look_only;
  failure_ =
      MakeError(absl::StatusCode::kUnavailable, "an earlier link got no answer",
                Reason::kUpstreamConnectionLost);
  if (auto report = AfterLostAnswer()) return *std::move(report);
  return Loop();
}

LinkReport LinkRun::Loop() {
  while (true) {
    auto pass = gate_.Enter(context_);
    if (!pass.ok()) {
      if (failure_.ok()) failure_ = pass.status();
      return Failed(failure_);
    }
    const LinkAnswer answer = Attempt();
    pass->Done(answer.stats.status());
    if (answer.stats.ok()) {
      budget_.Succeeded();
      if (auto report = AfterSuccess(*answer.stats)) return *std::move(report);
    } else {
      failure_ = answer.stats.status();
      if (auto report = AfterFailure(answer)) return *std::move(report);
    }
    if (++links_ == options_.max_links) return Failed(failure_);
  }
}

LinkAnswer LinkRun::Attempt() {
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
                                     conditional_);
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
  return Committed(stats);
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
      return BackOff();
    case Reason::kStoreRejected:
      return AfterStoreRefused();
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
      return ProveOurs();
    }
    if (link_.lost && *sight == Sight::kAnothers) return AfterAnothers();
    // The lost one may still come; if lakeFS refuses this address twice, it
    // refuses that one too.
    if (link_.lost && !look_only_ && !std::exchange(refused_, true)) {
      if (auto ended = BackOff()) return ended;
      return kLinkAgain;
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
  switch (*sight) {
    case Sight::kOurs:
      // A commit got in between. The entry may stand in a staging area that is
      // about to be dropped, so seeing it proves nothing.
      rescue_ = "false_precondition";
      doubtful_ = true;
      return link_.placement.relinkable ? ProveOurs() : LookOnceMore();
    case Sight::kNothing:
      return AfterLostWrite();
    case Sight::kBefore:
    case Sight::kAnothers:
      return AlreadyExists();
  }
  return kLinkAgain;
}

// Commits do that once or twice; more often it is something else.
LinkRun::Ended LinkRun::AfterLostWrite() {
  rescue_ = "lost_write";
  if (++lost_writes_ > 2) {
    failure_ = MakeError(absl::StatusCode::kAborted,
                         absl::StrCat("lakeFS says again and again that ",
                                      ToString(link_.request.object),
                                      " exists, and then shows nothing there"),
                         Reason::kLinkConflict);
    if (auto ended = BackOff()) return ended;
  }
  return LinkAgain(link_.request.if_absent);
}

LinkRun::Ended LinkRun::AfterLostAnswer() {
  link_.lost = true;
  refused_ = false;
  while (true) {
    const absl::StatusOr<Sight> sight = path_.Look(context_);
    if (!sight.ok()) return CannotTell(sight.status());
    switch (*sight) {
      case Sight::kOurs:
        rescue_ = "lost_answer";
        return ProveOurs();
      case Sight::kBefore:
      case Sight::kNothing:
        if (link_.request.if_absent && path_.seen()) return AlreadyExists();
        if (auto ended = BackOff()) return ended;
        if (look_only_) continue;
        // The same address, even where it may be burnt: the lost link may
        // still come, and of an address only one can.
        conditional_ = link_.request.if_absent;
        return kLinkAgain;
      case Sight::kAnothers:
        return AfterAnothers();
    }
  }
}

// After a link that was lost.
LinkReport LinkRun::AfterAnothers() {
  return link_.request.if_absent ? AlreadyExists() : Superseded();
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
    // What was seen under a 412, or has no proven bytes, is no more certain
    // for an address that cannot prove it any longer.
    if (link_.placement.relinkable && (doubtful_ || link_.unproven_bytes)) {
      return Failed(failure_);
    }
    rescue_ = "used_address";
    return Committed(*path_.seen());
  }
  if (link_.lost && *sight == Sight::kAnothers) return AfterAnothers();
  return NewRound(std::nullopt);
}

// A 400 about the address's signature can mean that the branch is missing.
LinkRun::Ended LinkRun::AfterRejection() {
  const ObjectPath& object = link_.request.object;
  const absl::Status branch =
      lakefs_.GetBranch(context_, object.repository, object.branch);
  return Failed(ReasonOf(branch) == Reason::kNotFound ? branch : failure_);
}

// A link of what is seen, whose 200 is the proof.
LinkRun::Ended LinkRun::ProveOurs() {
  link_.placement = link_.ours.at(path_.seen()->physical_address);
  if (!link_.placement.relinkable) return Committed(*path_.seen());
  link_.placement.multipart.reset();  // an entry comes after its object
  conditional_ = false;
  return kLinkAgain;
}

// An address that cannot prove it any longer: by then the commit is over, and
// what it drops is gone.
LinkRun::Ended LinkRun::LookOnceMore() {
  if (!context_.Sleep(kSecondLook).ok()) return Failed(failure_);
  const absl::StatusOr<Sight> sight = path_.Look(context_);
  if (!sight.ok()) return CannotTell(sight.status());
  if (*sight == Sight::kOurs) return ProveOurs();
  if (*sight != Sight::kNothing) {
    // Ours stood there, and what became of it cannot be told.
    link_.lost = true;
    return AlreadyExists();
  }
  rescue_ = "lost_write";
  return NewRound(std::nullopt);
}

// Links the same address again or, where it is burnt, another.
LinkRun::Ended LinkRun::LinkAgain(bool conditional) {
  if (look_only_) return Failed(failure_);
  if (!link_.placement.relinkable) return NewRound(std::nullopt);
  conditional_ = conditional;
  return kLinkAgain;
}

LinkRun::Ended LinkRun::NewRound(const std::optional<StagingLocation>& where) {
  if (look_only_ || !place_) return Failed(failure_);
  if (link_.rounds == options_.max_rounds) {
    return Failed(Annotate(
        failure_, absl::StrCat("given up after ", link_.rounds, " rounds")));
  }
  absl::StatusOr<Placement> placement = place_(where);
  if (!placement.ok()) {
    // That the bytes cannot be had again says less than why they are needed.
    const bool lost = (absl::IsDataLoss(failure_) ||
                       ReasonOf(failure_) == Reason::kLinkAddressExpired) &&
                      ReasonOf(placement.status()) == Reason::kLinkConflict;
    if (!lost) failure_ = placement.status();
    return Failed(failure_);
  }
  ++link_.rounds;
  Adopt(*std::move(placement));
  conditional_ = link_.request.if_absent;
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
  link_.ours[link_.placement.location.physical_address] = link_.placement;
}

}  // namespace lakefs::gateway
