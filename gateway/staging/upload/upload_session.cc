#include "gateway/staging/upload/upload_session.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"
#include "gateway/staging/upload/preflight.h"

namespace lakefs::gateway {
namespace {

// For finding out, beyond what the link loop takes, when a call is over that
// somebody may ask for.
constexpr std::chrono::seconds kFindOut{30};

// The same for who asks for the outcome, and waits.
constexpr std::chrono::seconds kLook{2};

// A move that took longer is followed by another look at the path: a call with
// the same request_id, on another replica, may have been quicker.
constexpr std::chrono::seconds kLookAgain{1};

LinkRequest LinkRequestOf(const UploadRequest& request,
                          const ServerConfig& server, int64_t size_bytes) {
  return {.object = request.object,
          .size_bytes = size_bytes,
          .user_metadata = MarkedMetadata(request),
          .content_type = request.content_type,
          .mtime = request.mtime,
          .force = request.force,
          .if_absent = request.if_absent,
          .if_match = request.if_match,
          .skips_creates = DialectOf(server).skips_creates};
}

// Whether all that came has it, if it is known.
bool HasCrc32c(const PartSource& came, const std::optional<uint32_t>& known) {
  return !known || came.crc32c() == known;
}

// What its caller has sent was sent in vain.
absl::Status HasMoved(absl::string_view repository) {
  return MakeError(absl::StatusCode::kAborted,
                   absl::StrCat("repository ", repository,
                                " has moved to another store meanwhile; call "
                                "again with all bytes, or set "
                                "header.can_rewind"),
                   Reason::kLinkConflict);
}

}  // namespace

// What an upload carries through its steps.
struct UploadSession::Upload {
  const CallContext& context;
  const UploadRequest& request;
  PartSource& reader;
  UploadProgress& progress;
  const UploadReport* earlier;  // undecided, with the same request_id; or null
  absl::BitGenRef random;
  std::optional<ResumeToken> token;  // of the upload to go on with
  Plan plan = Plan::kNone;
  int64_t bytes_resent = 0;
  // Whether what stands at the path is of an earlier call with the same
  // request_id, on another replica, and the bytes of this one were not used.
  bool earlier_stands = false;
};

// The addresses that an upload has brought its bytes to.
struct UploadSession::Addresses {
  std::set<std::string> all;
  std::string last;

  absl::StatusOr<Placement> Note(absl::StatusOr<Placement> placement) {
    if (placement.ok()) {
      last = placement->location.physical_address;
      all.insert(last);
    }
    return placement;
  }
};

UploadSession::UploadSession(UploadDependencies dependencies)
    : deps_(dependencies),
      finding_out_ends_(deps_.clock, TimePoint::max(), "finding out") {}

UploadReport UploadSession::Run(const CallContext& context,
                                const UploadRequest& request,
                                BodySource& source, UploadProgress& progress,
                                absl::BitGenRef random) {
  PartReader reader(context, request, source, deps_.memory, deps_.mover.spool,
                    progress);
  return Run(context, request, static_cast<PartSource&>(reader), progress,
             random);
}

UploadReport UploadSession::Run(const CallContext& context,
                                const UploadRequest& request, PartSource& parts,
                                UploadProgress& progress,
                                absl::BitGenRef random) {
  if (auto s = InvalidRequest(Violations(request)); !s.ok()) {
    return {.link = NotCommitted(s)};
  }
  if (request.request_id.empty()) {
    return RunOnce(context, request, parts, progress, nullptr, random);
  }
  auto turn = deps_.uploads.Begin(context, request);
  if (!turn.ok()) {
    // Over while another call was at work, whose outcome is that of this one.
    const bool over = !context.Over().ok();
    return {
        .link = {.status = turn.status(),
                 .outcome = over ? Outcome::kUnknown : Outcome::kNotCommitted}};
  }
  const auto& earlier = turn->earlier();
  if (earlier && earlier->link.status.ok()) return *earlier;
  const bool undecided = earlier && earlier->link.undecided;
  UploadReport report = RunOnce(context, request, parts, progress,
                                undecided ? &*earlier : nullptr, random);
  turn->End(report, context.clock().Now());
  // Goes on looking when the call is over, so that its outcome can be told to
  // who asks later.
  if (report.link.undecided && !context.Over().ok() &&
      !finding_out_ends_.cancelled()) {
    if (++finding_out_ <= deps_.max_finding_out) {
      const CallContext more = context.Detached(kFindOut);
      const CancelHook stop(finding_out_ends_, [&more] { more.Cancel(); });
      FindOut(more, request.request_id, report.link, random);
    }
    --finding_out_;
  }
  return report;
}

absl::StatusOr<KnownUpload> UploadSession::Find(
    const CallContext& context, const std::string& request_id,
    const std::optional<ObjectPath>& object,
    const std::function<absl::Status(const ObjectPath&)>& may_ask,
    absl::BitGenRef random) {
  auto known = deps_.uploads.Find(context, request_id);
  if (!known) return FindAtPath(context, request_id, object, random);
  if (auto s = may_ask(known->request.object); !s.ok()) return s;
  KnownUpload upload{.object = known->request.object,
                     .running = known->running,
                     .report = std::move(known->report)};
  const LinkReport& link = upload.report.link;
  if (link.undecided) {
    const TimePoint until = context.clock().Now() + kLook;
    FindOut(context.WithDeadline(until), request_id, upload.report.link,
            random);
  } else if (!upload.running && link.outcome == Outcome::kUnknown) {
    // Nothing is kept of it, and only its mark can tell.
    auto found = FindAtPath(context, request_id, upload.object, random);
    if (found.ok()) return found;
  }
  return upload;
}

absl::StatusOr<KnownUpload> UploadSession::FindAtPath(
    const CallContext& context, const std::string& request_id,
    const std::optional<ObjectPath>& object, absl::BitGenRef random) {
  const absl::Status unknown = MakeError(
      absl::StatusCode::kNotFound,
      absl::StrCat(
          "nothing is known of request_id ", request_id,
          object ? "" : "; name the object, and its path is looked at"),
      Reason::kNotFound);
  if (!object) return unknown;
  const auto stats = Repeat(context, deps_.mover.lakefs_budget, random, [&] {
    return deps_.mover.lakefs.StatObject(context, *object);
  });
  if (!stats.ok()) return stats.status();
  const UploadRequest request{.object = *object, .request_id = request_id};
  if (!*stats || !CameBy(request, **stats)) return unknown;
  const auto server =
      deps_.server_info.Get(context, object->repository, random);
  if (!server.ok()) return server.status();
  UndecidedLink link =
      UndecidedOf({.object = *object,
                   .user_metadata = (*stats)->user_metadata,
                   .content_type = (*stats)->content_type,
                   .if_match = ReplacedBy((*stats)->user_metadata)},
                  **stats, *server);
  link.conditional = true;  // for all that is known
  return KnownUpload{
      .object = *object,
      .report = {.link = deps_.link_loop.FindOut(context, link, random)}};
}

UploadReport UploadSession::RunOnce(const CallContext& context,
                                    const UploadRequest& request,
                                    PartSource& parts, UploadProgress& progress,
                                    const UploadReport* earlier,
                                    absl::BitGenRef random) {
  const TimePoint start = context.clock().Now();
  Upload upload{.context = context,
                .request = request,
                .reader = parts,
                .progress = progress,
                .earlier = earlier,
                .random = random};
  LinkReport link = NotCommitted(OpenToken(upload));
  if (link.status.ok()) link = RunPlan(upload);
  UploadReport report{.link = std::move(link),
                      .plan = upload.plan,
                      .attempts = context.attempts(),
                      .bytes_resent = upload.bytes_resent,
                      .elapsed = context.clock().Now() - start};
  if (upload.token) report.resumed_at = upload.token->point.offset();
  if (upload.earlier_stands) return report;
  if (parts.ended()) {
    report.crc32c = parts.crc32c();
  } else if (earlier) {
    report.crc32c = earlier->crc32c;
  }
  return report;
}

absl::Status UploadSession::OpenToken(Upload& upload) const {
  if (upload.request.resume_token.empty()) return absl::OkStatus();
  if (deps_.resumption == nullptr) return RefusedHere("is of no use here");
  auto token = deps_.resumption->Open(upload.context, upload.request);
  if (!token.ok()) return token.status();
  upload.token = *std::move(token);
  return absl::OkStatus();
}

// Looks what became of a link that is undecided, and remembers it.
void UploadSession::FindOut(const CallContext& context,
                            const std::string& request_id, LinkReport& report,
                            absl::BitGenRef random) {
  const auto undecided = report.undecided;
  LinkReport found = deps_.link_loop.FindOut(context, *undecided, random);
  if (found.outcome == Outcome::kUnknown) return;
  deps_.uploads.Found(context, request_id, *undecided, found);
  report = std::move(found);
}

LinkReport UploadSession::RunPlan(Upload& upload) {
  const UploadRequest& request = upload.request;
  const std::string& repository = request.object.repository;
  const auto server =
      deps_.server_info.Get(upload.context, repository, upload.random);
  if (!server.ok()) {
    LinkReport report = NotCommitted(server.status());
    if (upload.earlier) {
      report.outcome = Outcome::kUnknown;
      report.undecided = upload.earlier->link.undecided;
    }
    return report;
  }
  LinkReport report = RunAt(upload, *server);
  if (report.status.ok() || upload.token ||
      report.outcome != Outcome::kNotCommitted || !upload.context.Over().ok()) {
    return report;
  }
  // What the store of the repository cannot do is no reason to refuse what it
  // can do in the store that it is in by now.
  const auto by_now = deps_.server_info.Get(
      upload.context, repository, upload.random, ServerInfo::Age::kNow);
  if (!by_now.ok() || by_now->blockstore_id == server->blockstore_id) {
    return report;
  }
  if (!upload.reader.Restart()) return NotCommitted(HasMoved(repository));
  return RunAt(upload, *by_now);
}

LinkReport UploadSession::RunAt(Upload& upload, const ServerConfig& server) {
  const UploadRequest& request = upload.request;
  if (upload.earlier) {
    return upload.earlier->plan == Plan::kThroughLakefs
               ? ResumeThroughLakefs(upload, server)
               : Resume(upload, server);
  }
  if (request.if_match) {
    if (auto s = CheckIfMatch(server); !s.ok()) return NotCommitted(s);
  }
  if (upload.token) {
    if (upload.token->blockstore_id != server.blockstore_id) {
      return NotCommitted(RefusedHere(
          "is of an upload to another store than the repository is in by now"));
    }
    return MoveAndLink(upload, server);
  }
  const auto plan =
      ChoosePlan(server, NeedsLink(request),
                 {request.size_bytes.value_or(0),
                  request.size_bytes.has_value(), upload.reader.at_hand()},
                 deps_.mover.plan);
  if (!plan.ok()) return NotCommitted(plan.status());
  upload.plan = *plan;
  return *plan == Plan::kThroughLakefs ? SendThroughLakefs(upload, server)
                                       : MoveAndLink(upload, server);
}

LinkReport UploadSession::MoveAndLink(Upload& upload,
                                      const ServerConfig& server) {
  const UploadRequest& request = upload.request;
  Preflight preflight(upload.context, deps_.mover.lakefs,
                      deps_.mover.background, request);
  const bool is_large =
      request.size_bytes.value_or(0) > deps_.mover.plan.part_bytes;
  if (is_large || MayBeRepetition(request) || request.if_match ||
      upload.token) {
    preflight.Ask(is_large);
  }
  if (upload.token) {
    // The call that the token is of, or another with it, may have linked it.
    const Before& now = preflight.GetBefore(
        upload.context, deps_.mover.lakefs_budget, upload.random);
    const ResumePoint& point = upload.token->point;
    upload.plan = point.plan;
    if (now.object && IsShownAs(point.location.physical_address,
                                now.object->physical_address)) {
      upload.earlier_stands = true;
      return ProveEarlier(upload, server, *now.object);
    }
  }
  const auto is_needed = [&preflight] {
    if (preflight.Earlier()) return absl::AlreadyExistsError("done before");
    const auto refusal = preflight.Refusal();
    return refusal ? refusal->status : absl::OkStatus();
  };
  const auto go_on = [&preflight, &is_needed] {
    preflight.Ask(/*is_large=*/true);
    return is_needed();
  };
  // A wrong expectation costs no bytes.
  absl::Status expected;
  if (request.if_match) {
    preflight.GetBefore(upload.context, deps_.mover.lakefs_budget,
                        upload.random);
    expected = is_needed();
  }
  ObjectMover mover(deps_.mover, upload.context, request, server, upload.reader,
                    upload.progress, go_on, upload.random);
  TellCheckpoints(upload, server, mover);
  const TimePoint start = upload.context.clock().Now();
  Addresses addresses;
  const auto move = [&] {
    return upload.token ? mover.GoOn(upload.token->point) : mover.Move();
  };
  auto placement = expected.ok() ? addresses.Note(move())
                                 : absl::StatusOr<Placement>(expected);
  upload.plan = mover.plan();
  const Before& before =
      placement.ok()
          ? preflight.GetBefore(upload.context, deps_.mover.lakefs_budget,
                                upload.random)
          : preflight.GetBefore();
  const bool took_long =
      placement.ok() && upload.context.clock().Now() - start > kLookAgain;
  if (took_long && request.if_match) {
    preflight.LookAgain(upload.context, deps_.mover.lakefs_budget,
                        upload.random);
  }
  auto refusal = preflight.Refusal();
  LinkReport report;
  std::optional<ObjectStats> earlier = preflight.Earlier();
  if (!earlier && !request.if_match && took_long) earlier = ByNow(upload);
  if (earlier) {
    report = ProveEarlier(upload, server, *earlier);
  } else if (refusal) {
    report = *std::move(refusal);
  } else if (!placement.ok()) {
    report = NotCommitted(placement.status());
    // Another call may have completed it, and link it.
    if (IsGone(placement.status())) report.outcome = Outcome::kUnknown;
  } else {
    upload.progress.phase = placement->multipart
                                ? UploadProgress::Phase::kCompleting
                                : UploadProgress::Phase::kLinking;
    report = deps_.link_loop.Run(
        upload.context,
        LinkRequestOf(request, server, upload.reader.size_bytes()), before,
        *std::move(placement),
        [&](const std::optional<StagingLocation>& where) {
          return addresses.Note(mover.MoveAgain(where));
        },
        upload.random);
  }
  upload.earlier_stands =
      report.status.ok() && report.object &&
      !addresses.all.contains(report.object->physical_address);
  Settle(mover, addresses, report);
  upload.bytes_resent = mover.bytes_resent();
  return report;
}

// What stands at the path is looked at first, if at all: the bytes and the link
// are one here, and whether they are many shows when they have gone.
LinkReport UploadSession::SendThroughLakefs(Upload& upload,
                                            const ServerConfig& server) {
  const UploadRequest& request = upload.request;
  if (auto s = ThroughLakefs::Check(request, server); !s.ok()) {
    return NotCommitted(s);
  }
  Preflight preflight(upload.context, deps_.mover.lakefs,
                      deps_.mover.background, request);
  const bool may_be_large =
      !request.size_bytes || *request.size_bytes > deps_.mover.plan.part_bytes;
  if (may_be_large || MayBeRepetition(request) || request.if_match) {
    preflight.Ask(/*is_large=*/false);
  }
  Before before = preflight.GetBefore(upload.context, deps_.mover.lakefs_budget,
                                      upload.random);
  if (const auto& earlier = preflight.Earlier()) {
    upload.earlier_stands = true;
    return ProveEarlier(upload, server, *earlier);
  }
  if (auto refusal = preflight.Refusal()) return *std::move(refusal);
  // Where metadata are dropped, ours cannot be told from another's that came
  // since. So another's counts as older, and ours is sent until lakeFS says
  // that it has it.
  if (DialectOf(server).form_upload) before = {.ours_unmarked = true};
  const std::string upload_id = ThroughLakefs::NewUploadId(upload.random);
  ThroughLakefs through(deps_.mover.lakefs, server, upload.reader, upload_id);
  LinkRequest link =
      LinkRequestOf(request, server, request.size_bytes.value_or(0));
  link.user_metadata[kUploadIdKey] = upload_id;
  LinkReport report = deps_.link_loop.Run(
      upload.context, link, before, through.First(),
      [&](const std::optional<StagingLocation>&) { return through.Again(); },
      upload.random);
  upload.earlier_stands =
      report.status.ok() && report.object && CameBy(request, *report.object) &&
      !SameUpload(link.user_metadata, report.object->user_metadata);
  return report;
}

// Leaves no parts behind that are not the object at the path.
void UploadSession::Settle(ObjectMover& mover, const Addresses& addresses,
                           LinkReport& report) {
  const bool stands = report.outcome == Outcome::kCommitted && report.object &&
                      report.object->physical_address == addresses.last;
  if (stands) return;
  // Whoever has a token may go on with them, or have them discarded.
  if (mover.shared() && !report.status.ok()) return;
  mover.Abandon();
  if (!report.undecided || !report.undecided->placement.multipart ||
      report.undecided->placement.location.physical_address != addresses.last) {
    return;
  }
  // Who goes on with it must not take their absence for completion.
  auto undecided = std::make_shared<UndecidedLink>(*report.undecided);
  undecided->dropped = true;
  report.undecided = std::move(undecided);
}

// What has come to the path meanwhile by the same request_id, on another
// replica.
std::optional<ObjectStats> UploadSession::ByNow(const Upload& upload) {
  if (upload.request.request_id.empty()) return std::nullopt;
  auto stats =
      Repeat(upload.context, deps_.mover.lakefs_budget, upload.random, [&] {
        return deps_.mover.lakefs.StatObject(upload.context,
                                             upload.request.object);
      });
  if (!stats.ok() || !*stats || !CameBy(upload.request, **stats)) {
    return std::nullopt;
  }
  return *std::move(stats);
}

// Links the object of an earlier call with the same request_id, whose bytes are
// in the store. Those of this call are taken only if another address is needed.
LinkReport UploadSession::Resume(Upload& upload, const ServerConfig& server) {
  const UndecidedLink& undecided = *upload.earlier->link.undecided;
  ObjectMover mover(
      deps_.mover, upload.context, upload.request, server, upload.reader,
      upload.progress, [] { return absl::OkStatus(); }, upload.random);
  bool moved = false;
  Addresses addresses;
  const Place place = [&](const std::optional<StagingLocation>& where)
      -> absl::StatusOr<Placement> {
    if (std::exchange(moved, true)) {
      return addresses.Note(mover.MoveAgain(where));
    }
    // With a token the caller sends nothing before it is asked.
    if (upload.token) upload.reader.GoOn(0, 0, 0);
    auto placement = addresses.Note(mover.Move());
    const bool same =
        upload.reader.size_bytes() == undecided.request.size_bytes &&
        HasCrc32c(upload.reader, upload.earlier->crc32c);
    if (placement.ok() && !same) return OtherHeader();
    return placement;
  };
  LinkReport report =
      deps_.link_loop.Resume(upload.context, undecided, place, upload.random);
  Settle(mover, addresses, report);
  upload.plan = moved ? mover.plan() : upload.earlier->plan;
  upload.bytes_resent = mover.bytes_resent();
  return report;
}

LinkReport UploadSession::ResumeThroughLakefs(Upload& upload,
                                              const ServerConfig& server) {
  const UndecidedLink& undecided = *upload.earlier->link.undecided;
  upload.plan = Plan::kThroughLakefs;
  const auto check_whole = [&] {
    return HasCrc32c(upload.reader, upload.earlier->crc32c) ? absl::OkStatus()
                                                            : OtherHeader();
  };
  const auto id = undecided.request.user_metadata.find(kUploadIdKey);
  ThroughLakefs through(deps_.mover.lakefs, server, upload.reader,
                        id != undecided.request.user_metadata.end()
                            ? id->second
                            : ThroughLakefs::NewUploadId(upload.random),
                        check_whole);
  return deps_.link_loop.Resume(
      upload.context, undecided,
      [&](const std::optional<StagingLocation>&) { return through.Again(); },
      upload.random);
}

void UploadSession::TellCheckpoints(const Upload& upload,
                                    const ServerConfig& server,
                                    ObjectMover& mover) {
  if (!upload.request.resumable || !upload.progress.checkpoint ||
      deps_.resumption == nullptr) {
    return;
  }
  mover.TellCheckpoints(
      [this, &upload, id = server.blockstore_id](const ResumePoint& point) {
        std::string token =
            deps_.resumption->Seal(upload.context, upload.request, id, point);
        return !token.empty() &&
               upload.progress.checkpoint(std::move(token), point.offset());
      });
}

// Links again what stands at the path by an earlier call with the same
// request_id, on another replica maybe: it may stand in a staging area that is
// about to be dropped.
LinkReport UploadSession::ProveEarlier(const Upload& upload,
                                       const ServerConfig& server,
                                       const ObjectStats& stats) {
  if (!SameHeader(upload.request, stats)) return NotCommitted(OtherHeader());
  const UndecidedLink link =
      UndecidedOf(LinkRequestOf(upload.request, server, 0), stats, server);
  return deps_.link_loop.Resume(upload.context, link, nullptr, upload.random);
}

}  // namespace lakefs::gateway
