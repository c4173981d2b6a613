#include "gateway/staging/link/link_loop.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// From the first look at a path to the second, where an address is used up. By
// nobody who can be seen: lakeFS takes the address first, and writes then.
// Under a 412, by an entry of ours: of 183 seen once under v1.21.0, 3 were
// dropped.
constexpr std::chrono::seconds kSecondLook{1};

// What a stat shows at the path.
enum class Sight { kOurs, kBefore, kNothing, kAnothers };

// One link, from its first attempt to its report. Each After… is a row of the
// table in the header: it returns the report, or nothing to link again.
class Link {
 public:
  Link(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
       const LinkOptions& options, const CallContext& context,
       const LinkRequest& request, const Before& before, const Place& place,
       absl::BitGenRef random)
      : lakefs_(lakefs),
        budget_(budget),
        gate_(gate),
        options_(options),
        request_(request),
        before_(before),
        place_(place),
        random_(random),
        backoff_(options.backoff, random),
        context_(context.WithDeadline(context.deadline() - Reserve(context))),
        conditional_(request.if_absent) {}

  LinkReport Run(Placement placement) {
    Adopt(std::move(placement));
    return Loop();
  }

  // Whether the time for linking is over; for finding out, there is more.
  bool over() const { return !context_.Over().ok(); }

  // Goes on with a link that was lost. With `look_only`, links nothing that
  // cannot be seen.
  LinkReport Resume(const UndecidedLink& link, bool look_only) {
    look_only_ = look_only;
    ours_ = link.ours;
    placement_ = link.placement;
    rounds_ = link.rounds;
    visible_ = link.visible;
    unproven_bytes_ = link.unproven_bytes;
    lost_ = link.lost;
    dropped_ = link.dropped;
    failure_ = MakeError(absl::StatusCode::kUnavailable,
                         "an earlier link got no answer",
                         Reason::kUpstreamConnectionLost);
    if (auto report = AfterLostAnswer()) return *std::move(report);
    return Loop();
  }

 private:
  using Ended = std::optional<LinkReport>;
  static constexpr std::nullopt_t kLinkAgain = std::nullopt;

  LinkReport Loop() {
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
        if (auto report = AfterSuccess(*answer.stats)) {
          return *std::move(report);
        }
      } else {
        failure_ = answer.stats.status();
        if (auto report = AfterFailure(answer)) return *std::move(report);
      }
      if (++links_ == options_.max_links) return Failed(failure_);
    }
  }

  LinkAnswer Attempt() {
    const TimePoint latest = placement_.link_before - options_.expiry_margin;
    if (context_.clock().Now() >= latest) {
      return {.stats = MakeError(
                  absl::StatusCode::kFailedPrecondition,
                  "the address can be linked no more: lakeFS gives each only "
                  "some hours; upload the object again",
                  Reason::kLinkAddressExpired)};
    }
    if (const auto& multipart = placement_.multipart) {
      return {.stats = lakefs_.CompletePresignMultipartUpload(
                  context_, request_.object, multipart->upload,
                  multipart->parts, request_.user_metadata,
                  request_.content_type)};
    }
    return lakefs_.LinkPhysicalAddress(context_, request_.object, Metadata(),
                                       conditional_);
  }

  Ended AfterSuccess(const ObjectStats& stats) {
    if (!unproven_bytes_) return Committed(stats);
    visible_ = true;
    const absl::StatusOr<bool> bytes = ReadBack();
    if (!bytes.ok()) return CannotTell(bytes.status());
    if (*bytes) return Committed(stats);
    // There were none: the upload had been dropped. What was linked misleads
    // every reader, and must not stay.
    failure_ = MakeError(absl::StatusCode::kDataLoss,
                         "the store has dropped the parts of the upload",
                         Reason::kChecksumMismatch);
    if (const auto undone = Undo(); !undone.ok()) return CannotTell(undone);
    unproven_bytes_ = visible_ = lost_ = false;
    // What was lost of that may come yet, and would take the next one away.
    if (undo_lost_) return Failed(failure_);
    return NewRound(std::nullopt);
  }

  // Takes an entry without bytes away again, unless another's has come since.
  absl::Status Undo() {
    const CallContext probe = Probe();
    return Repeat(probe, budget_, random_, [&] { return UndoOnce(probe); });
  }

  absl::Status UndoOnce(const CallContext& probe) {
    const auto stats = lakefs_.StatObject(probe, request_.object);
    if (!stats.ok()) return stats.status();
    if (!*stats || !ours_.contains((*stats)->physical_address)) {
      return absl::OkStatus();
    }
    if (before_.object) {
      const ObjectStats& old = *before_.object;
      const LinkAnswer back = lakefs_.LinkPhysicalAddress(
          probe, request_.object,
          {.staging = {.physical_address = old.physical_address},
           .checksum = old.checksum,
           .size_bytes = old.size_bytes.value_or(0),
           .user_metadata = old.user_metadata,
           .content_type = old.content_type,
           .mtime = FromEpochSeconds(old.mtime),
           .force = request_.force},
          /*if_absent=*/false);
      // One that was lost may stand there by now, and must not be deleted.
      if (back.stats.ok() || Transient(back.stats.status())) {
        return Undone(back.stats.status());
      }
    }
    return Undone(lakefs_.DeleteObject(probe, request_.object));
  }

  absl::Status Undone(absl::Status status) {
    undo_lost_ |= Ambiguous(status);
    return status;
  }

  Ended AfterFailure(const LinkAnswer& answer) {
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

  Ended AfterConflict(const std::optional<StagingLocation>& try_here) {
    try_here_ = try_here;
    if (MayStand()) {
      const absl::StatusOr<Sight> sight = Look();
      if (!sight.ok()) return CannotTell(sight.status());
      if (*sight == Sight::kOurs) {
        // One call never links two objects.
        if (auto ended = BackOff()) return ended;
        return ProveOurs();
      }
      if (lost_ && *sight == Sight::kAnothers) return AfterAnothers();
      // The lost one may still come; if lakeFS refuses this address twice, it
      // refuses that one too.
      if (lost_ && !look_only_ && !std::exchange(refused_, true)) {
        if (auto ended = BackOff()) return ended;
        return kLinkAgain;
      }
    }
    if (!try_here && place_) {
      if (auto ended = BackOff()) return ended;
    }
    return NewRound(try_here);
  }

  Ended AfterPreconditionFailed() {
    visible_ = true;
    const absl::StatusOr<Sight> sight = Look();
    if (!sight.ok()) return CannotTell(sight.status());
    switch (*sight) {
      case Sight::kOurs:
        // A commit got in between. The entry may stand in a staging area that
        // is about to be dropped, so seeing it proves nothing.
        rescue_ = "false_precondition";
        doubtful_ = true;
        return placement_.relinkable ? ProveOurs() : LookOnceMore();
      case Sight::kNothing:
        rescue_ = "lost_write";
        // Commits do that once or twice; more often it is something else.
        if (++lost_writes_ > 2) {
          failure_ =
              MakeError(absl::StatusCode::kAborted,
                        absl::StrCat("lakeFS says again and again that ",
                                     ToString(request_.object),
                                     " exists, and then shows nothing there"),
                        Reason::kLinkConflict);
          if (auto ended = BackOff()) return ended;
        }
        return LinkAgain(request_.if_absent);
      case Sight::kBefore:
      case Sight::kAnothers:
        return AlreadyExists();
    }
    return kLinkAgain;
  }

  // An address that cannot prove it any longer: by then the commit is over, and
  // what it drops is gone.
  Ended LookOnceMore() {
    if (!context_.Sleep(kSecondLook).ok()) return Failed(failure_);
    const absl::StatusOr<Sight> sight = Look();
    if (!sight.ok()) return CannotTell(sight.status());
    if (*sight == Sight::kOurs) return ProveOurs();
    if (*sight != Sight::kNothing) {
      lost_ = true;  // ours stood there, and what became of it cannot be told
      return AlreadyExists();
    }
    rescue_ = "lost_write";
    return NewRound(std::nullopt);
  }

  Ended AfterLostAnswer() {
    lost_ = true;
    refused_ = false;
    while (true) {
      const absl::StatusOr<Sight> sight = Look();
      if (!sight.ok()) return CannotTell(sight.status());
      switch (*sight) {
        case Sight::kOurs:
          rescue_ = "lost_answer";
          return ProveOurs();
        case Sight::kBefore:
        case Sight::kNothing:
          if (request_.if_absent && seen_) return AlreadyExists();
          if (auto ended = BackOff()) return ended;
          if (look_only_) continue;
          // The same address, even where it may be burnt: the lost link may
          // still come, and of an address only one can.
          conditional_ = request_.if_absent;
          return kLinkAgain;
        case Sight::kAnothers:
          return AfterAnothers();
      }
    }
  }

  // After a link that was lost.
  LinkReport AfterAnothers() {
    return request_.if_absent ? AlreadyExists() : Superseded();
  }

  Ended AfterUnusableAddress() {
    absl::StatusOr<Sight> sight = Look();
    const bool nobodys =
        sight.ok() && *sight != Sight::kOurs && *sight != Sight::kAnothers;
    if (nobodys && lost_ && !placement_.relinkable) {
      // It may be our lost link that has just used the address up, and whose
      // entry is still being written.
      if (const auto over = context_.Sleep(kSecondLook); !over.ok()) {
        return Failed(failure_);
      }
      sight = Look();
    }
    if (!sight.ok()) return CannotTell(sight.status());
    if (*sight == Sight::kOurs) {
      // What was seen under a 412, or has no proven bytes, is no more certain
      // for an address that cannot prove it any longer.
      if (placement_.relinkable && (doubtful_ || unproven_bytes_)) {
        return Failed(failure_);
      }
      rescue_ = "used_address";
      return Committed(*seen_);
    }
    if (lost_ && *sight == Sight::kAnothers) return AfterAnothers();
    return NewRound(std::nullopt);
  }

  // A 400 about the address's signature can mean that the branch is missing.
  Ended AfterRejection() {
    const absl::Status branch = lakefs_.GetBranch(
        context_, request_.object.repository, request_.object.branch);
    return Failed(ReasonOf(branch) == Reason::kNotFound ? branch : failure_);
  }

  // The store would not put the parts together.
  Ended AfterStoreRefused() {
    if (!placement_.multipart) return Failed(failure_);
    const bool gone =
        DetailsOf(failure_).metadata["storeErrorCode"] == "NoSuchUpload";
    if (gone && lost_ && !placement_.relinkable) return AfterUnusableAddress();
    if (gone && lost_ && !dropped_) return FinishByLink();
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

  // A complete that was lost has put the parts together, as far as can be told.
  Ended FinishByLink() {
    const absl::StatusOr<Sight> sight = Look();
    if (!sight.ok()) return CannotTell(sight.status());
    if (*sight == Sight::kOurs) return ProveOurs();
    if (*sight == Sight::kAnothers) return AfterAnothers();
    placement_.multipart.reset();
    unproven_bytes_ = true;
    rescue_ = "finish_by_link";
    return kLinkAgain;
  }

  Ended ProveOurs() {
    placement_ = ours_.at(seen_->physical_address);
    if (!placement_.relinkable) return Committed(*seen_);
    placement_.multipart.reset();  // an entry comes after its object
    conditional_ = false;
    return kLinkAgain;
  }

  // Links the same address again or, where it is burnt, another.
  Ended LinkAgain(bool conditional) {
    if (look_only_) return Failed(failure_);
    if (!placement_.relinkable) return NewRound(std::nullopt);
    conditional_ = conditional;
    return kLinkAgain;
  }

  Ended NewRound(const std::optional<StagingLocation>& where) {
    if (look_only_ || !place_) return Failed(failure_);
    if (rounds_ == options_.max_rounds) {
      return Failed(Annotate(
          failure_, absl::StrCat("given up after ", rounds_, " rounds")));
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
    ++rounds_;
    Adopt(*std::move(placement));
    conditional_ = request_.if_absent;
    return kLinkAgain;
  }

  Ended BackOff() {
    const RetryVerdict verdict =
        WaitToRetry(context_, failure_, backoff_, budget_);
    if (verdict == RetryVerdict::kRetried) return kLinkAgain;
    return Failed(
        WithMetadata(failure_, "retryVerdict", RetryVerdictName(verdict)));
  }

  // Stats the path until there is an answer.
  absl::StatusOr<Sight> Look() {
    Backoff backoff = backoff_;
    while (true) {
      if (auto over = context_.Over(); !over.ok()) return over;
      const auto stats = lakefs_.StatObject(context_, request_.object);
      if (stats.ok()) {
        seen_ = *stats;
        NameAsLinked();
        if (seen_ && IsEarlier(*seen_)) {
          // By an earlier call, whose answer was lost.
          Placement& earlier = ours_[seen_->physical_address];
          earlier.location = {.physical_address = seen_->physical_address,
                              .token = placement_.location.token};
          earlier.checksum = seen_->checksum;
          earlier.relinkable =
              placement_.relinkable && ShowsAddress(seen_->physical_address);
        }
        const Sight sight = Classify();
        visible_ = sight == Sight::kOurs;
        return sight;
      }
      if (!Transient(stats.status())) return stats.status();
      const RetryVerdict verdict =
          WaitToRetry(context_, stats.status(), backoff, budget_);
      if (verdict == RetryVerdict::kRetried) continue;
      return WithMetadata(stats.status(), "retryVerdict",
                          RetryVerdictName(verdict));
    }
  }

  // Gives what is ours the address that we linked.
  void NameAsLinked() {
    if (!seen_) return;
    for (const auto& [address, placement] : ours_) {
      if (IsShownAs(address, seen_->physical_address)) {
        seen_->physical_address = address;
      }
    }
  }

  // Whether it is an earlier call's, of the same request. One that used the
  // same request_id for something else is another's: to link its object again
  // with what we know of ours would spoil it.
  bool IsEarlier(const ObjectStats& stats) const {
    return CameBySame(request_.user_metadata, stats.user_metadata) &&
           request_.user_metadata == stats.user_metadata &&
           request_.size_bytes == stats.size_bytes &&
           (request_.content_type.empty() ||
            request_.content_type == stats.content_type) &&
           !ours_.contains(stats.physical_address);
  }

  Sight Classify() const {
    if (!seen_) return Sight::kNothing;
    if (ours_.contains(seen_->physical_address)) return Sight::kOurs;
    // Without knowledge of what was there, an entry counts as older: our call
    // has not ended, so our link may come after any other.
    if (!before_.known) return Sight::kBefore;
    const bool is_before = before_.object && before_.object->physical_address ==
                                                 seen_->physical_address;
    return is_before ? Sight::kBefore : Sight::kAnothers;
  }

  // Whether the object at the path has bytes.
  absl::StatusOr<bool> ReadBack() {
    Backoff backoff = backoff_;
    while (true) {
      const auto bytes = lakefs_.ReadFirstByte(context_, request_.object);
      if (bytes.ok() || !Transient(bytes.status())) return bytes;
      const RetryVerdict verdict =
          WaitToRetry(context_, bytes.status(), backoff, budget_);
      if (verdict == RetryVerdict::kRetried) continue;
      return bytes;
    }
  }

  // For a last request, whether or not the call is over.
  CallContext Probe() const {
    return context_.Over().ok() ? context_
                                : context_.Detached(options_.find_out);
  }

  LinkReport Committed(ObjectStats stats) {
    return {.outcome = Outcome::kCommitted,
            .object = std::move(stats),
            .rounds = rounds_,
            .rescue = rescue_};
  }

  LinkReport Superseded() {
    return {.outcome = Outcome::kSuperseded,
            .object = OurStats(),
            .rounds = rounds_};
  }

  LinkReport AlreadyExists() {
    LinkReport report{
        .status = MakeError(
            absl::StatusCode::kAlreadyExists,
            absl::StrCat(ToString(request_.object), " exists already"),
            Reason::kObjectExists),
        .outcome = Outcome::kNotCommitted,
        .object = seen_,
        .rounds = rounds_};
    if (lost_) {
      // It may have stood there before the other, or come when the other goes.
      report.outcome = Outcome::kUnknown;
      report.undecided = std::make_shared<const UndecidedLink>(Undecided());
    }
    return report;
  }

  LinkReport CannotTell(const absl::Status& why) {
    failure_ = why;
    return Failed(failure_);
  }

  // Nothing more is tried. What was lost on the way may still take effect.
  LinkReport Failed(absl::Status status) {
    LinkReport report{.status = std::move(status),
                      .outcome = Outcome::kNotCommitted,
                      .rounds = rounds_};
    if (ReasonOf(report.status) == Reason::kLinkConflict) {
      report.try_here = try_here_;
    }
    if (!context_.Over().ok()) report.status = OverWithLastError();
    if (!MayStand()) return report;
    report.outcome = Outcome::kUnknown;
    report.undecided = std::make_shared<const UndecidedLink>(Undecided());
    if (!absl::IsDeadlineExceeded(report.status) &&
        !absl::IsCancelled(report.status)) {
      ErrorDetails details = DetailsOf(report.status);
      details.reason = Reason::kOutcomeUnknown;
      report.status = MakeError(
          absl::StatusCode::kUnknown,
          absl::StrCat(
              "it could not be found out whether ", ToString(request_.object),
              " was linked; the last error: ", report.status.message()),
          details);
    }
    return report;
  }

  UndecidedLink Undecided() const {
    return {.request = request_,
            .before = before_,
            .placement = placement_,
            .ours = ours_,
            .rounds = rounds_,
            .visible = visible_,
            .unproven_bytes = unproven_bytes_,
            .lost = lost_,
            .dropped = dropped_};
  }

  absl::Status OverWithLastError() const {
    const absl::Status over = context_.Over();
    if (over.ok() || failure_.code() == over.code()) return failure_;
    ErrorDetails details = DetailsOf(failure_);
    details.reason = ReasonOf(over);
    return MakeError(
        over.code(),
        absl::StrCat(over.message(), "; the last error: ", failure_.message()),
        details);
  }

  void Adopt(Placement placement) {
    placement_ = std::move(placement);
    dropped_ = false;
    ours_[placement_.location.physical_address] = placement_;
  }

  // Whether something of ours may stand at the path, or may yet come there.
  bool MayStand() const { return lost_ || visible_; }

  StagingMetadata Metadata() const {
    return {.staging = placement_.location,
            .checksum = placement_.checksum,
            .size_bytes = request_.size_bytes,
            .user_metadata = request_.user_metadata,
            .content_type = request_.content_type,
            .mtime = request_.mtime,
            .force = request_.force};
  }

  ObjectStats OurStats() const {
    const WallTime mtime = request_.mtime.value_or(context_.clock().WallNow());
    return {.path = request_.object.path,
            .physical_address = placement_.location.physical_address,
            .checksum = placement_.checksum,
            .size_bytes = request_.size_bytes,
            .mtime = EpochSeconds(mtime),
            .user_metadata = request_.user_metadata,
            .content_type = request_.content_type};
  }

  Duration Reserve(const CallContext& context) const {
    return std::min(Duration(options_.reserve), context.Remaining() / 10);
  }

  LakefsApi& lakefs_;
  RetryBudget& budget_;
  LinkGate& gate_;
  const LinkOptions& options_;
  const LinkRequest& request_;
  const Before& before_;
  const Place& place_;
  absl::BitGenRef random_;
  Backoff backoff_;
  CallContext context_;

  Placement placement_;
  std::map<std::string, Placement> ours_;  // by address, all of this call
  bool conditional_;  // whether the next link has the condition
  int rounds_ = 1;
  int links_ = 0;
  absl::Status failure_;  // of the last link, or of what followed it
  std::optional<StagingLocation> try_here_;
  std::optional<ObjectStats> seen_;  // by the last stat
  bool visible_ = false;             // ours stood there when last looked
  bool unproven_bytes_ = false;      // linked on the word of a lost complete
  bool lost_ = false;                // an attempt whose answer is unknown
  bool refused_ = false;             // by a 409, since one was lost
  bool dropped_ = false;             // the placement's parts, by an abort
  bool undo_lost_ = false;           // an answer to what takes an entry away
  bool doubtful_ = false;            // a 412 was met by an entry of ours
  int lost_writes_ = 0;              // 412s with nothing to be seen
  bool look_only_ = false;
  absl::string_view rescue_;
};

}  // namespace

UndecidedLink UndecidedOf(LinkRequest request, const ObjectStats& stats,
                          const ServerConfig& server) {
  // Whatever else comes to stand there has come after it.
  UndecidedLink link{.request = std::move(request),
                     .before = {.known = true},
                     .visible = true};
  link.request.size_bytes = stats.size_bytes.value_or(0);
  link.request.mtime = FromEpochSeconds(stats.mtime);
  link.placement = {.location = {.physical_address = stats.physical_address},
                    .checksum = stats.checksum};
  // A stat shows none, and any will do.
  const bool wants_token = !server.pre_sign_support.has_value();
  if (wants_token) link.placement.location.token = "any";
  link.placement.relinkable =
      ShowsAddress(stats.physical_address) &&
      DialectOf(server, link.placement.location).relinkable;
  link.ours[stats.physical_address] = link.placement;
  return link;
}

int64_t UndecidedLink::SizeInMemory() const {
  int64_t bytes = 2'048;
  for (const auto& [address, place] : ours) {
    bytes += 1'024 + 4 * static_cast<int64_t>(address.size());
    if (place.multipart) {
      bytes += 128 * static_cast<int64_t>(place.multipart->parts.size());
    }
  }
  return bytes;
}

LinkLoop::LinkLoop(LakefsApi& lakefs, RetryBudget& budget, LinkGate& gate,
                   LinkOptions options)
    : lakefs_(lakefs), budget_(budget), gate_(gate), options_(options) {}

LinkReport LinkLoop::Run(const CallContext& context, const LinkRequest& request,
                         const Before& before, Placement placement,
                         const Place& place, absl::BitGenRef random) {
  Link link(lakefs_, budget_, gate_, options_, context, request, before, place,
            random);
  LinkReport report = link.Run(std::move(placement));
  if (!report.undecided || !link.over()) return report;
  LinkReport found =
      FindOut(context.Detached(options_.find_out), *report.undecided, random);
  return found.outcome == Outcome::kUnknown ? report : found;
}

LinkReport LinkLoop::Resume(const CallContext& context,
                            const UndecidedLink& link, const Place& place,
                            absl::BitGenRef random) {
  return Link(lakefs_, budget_, gate_, options_, context, link.request,
              link.before, place, random)
      .Resume(link, /*look_only=*/false);
}

LinkReport LinkLoop::FindOut(const CallContext& context,
                             const UndecidedLink& link,
                             absl::BitGenRef random) {
  const Place no_bytes;
  return Link(lakefs_, budget_, gate_, options_, context, link.request,
              link.before, no_bytes, random)
      .Resume(link, /*look_only=*/true);
}

}  // namespace lakefs::gateway
