#include "gateway/staging/upload_session.h"

#include <utility>

#include "gateway/base/error.h"
#include "gateway/staging/preflight.h"

namespace lakefs::gateway {
namespace {

// A missing branch is asked for early only where that can save moving more
// bytes than this: a question costs as much as a small object.
constexpr int64_t kAskEarlyBytes = 8 << 20;

LinkRequest LinkRequestOf(const UploadRequest& request, int64_t size_bytes) {
  return {.object = request.object,
          .size_bytes = size_bytes,
          .user_metadata = request.user_metadata,
          .content_type = request.content_type,
          .mtime = request.mtime,
          .force = request.force,
          .if_absent = request.if_absent};
}

}  // namespace

// What an upload carries through its steps.
struct UploadSession::Upload {
  const CallContext& context;
  const UploadRequest& request;
  PartReader& reader;
  UploadProgress& progress;
  absl::BitGenRef random;
  Plan plan = Plan::kNone;
  int64_t bytes_resent = 0;
};

UploadSession::UploadSession(UploadDependencies dependencies)
    : deps_(dependencies),
      through_lakefs_(deps_.mover.lakefs, deps_.link_loop,
                      deps_.mover.lakefs_budget) {}

UploadReport UploadSession::Run(const CallContext& context,
                                const UploadRequest& request,
                                BodySource& source, UploadProgress& progress,
                                absl::BitGenRef random) {
  const TimePoint start = context.clock().Now();
  PartReader reader(context, request, source, deps_.memory, deps_.mover.spool,
                    progress);
  Upload upload{.context = context,
                .request = request,
                .reader = reader,
                .progress = progress,
                .random = random};
  LinkReport link = RunPlan(upload);
  return {.link = std::move(link),
          .plan = upload.plan,
          .crc32c = reader.integrity().crc32c(),
          .attempts = context.attempts(),
          .bytes_resent = upload.bytes_resent,
          .elapsed = context.clock().Now() - start};
}

LinkReport UploadSession::RunPlan(Upload& upload) {
  const UploadRequest& request = upload.request;
  if (auto s = InvalidRequest(Violations(request)); !s.ok()) {
    return NotCommitted(s);
  }
  const auto server = deps_.server_info.Get(upload.context, upload.random);
  if (!server.ok()) return NotCommitted(server.status());
  const auto plan = ChoosePlan(
      *server, NeedsLink(request),
      {request.size_bytes.value_or(0), request.size_bytes.has_value()},
      deps_.mover.plan);
  if (!plan.ok()) return NotCommitted(plan.status());
  upload.plan = *plan;
  if (*plan == Plan::kThroughLakefs) {
    return through_lakefs_.Run(upload.context, request, *server, upload.reader,
                               upload.random);
  }
  return MoveAndLink(upload, *server);
}

LinkReport UploadSession::MoveAndLink(Upload& upload,
                                      const ServerConfig& server) {
  const UploadRequest& request = upload.request;
  const bool may_be_large =
      request.size_bytes.value_or(kAskEarlyBytes + 1) > kAskEarlyBytes;
  Preflight preflight(upload.context, deps_.mover.lakefs,
                      deps_.mover.background, request.object, request.if_absent,
                      may_be_large);
  const auto go_on = [&preflight] {
    const auto refusal = preflight.Refusal();
    return refusal ? refusal->status : absl::OkStatus();
  };
  ObjectMover mover(deps_.mover, upload.context, request, server, upload.reader,
                    upload.progress, go_on, upload.random);
  auto placement = mover.Move();
  upload.plan = mover.plan();
  const Before& before = preflight.GetBefore();
  auto refusal = preflight.Refusal();
  LinkReport report;
  if (refusal) {
    report = *std::move(refusal);
  } else if (!placement.ok()) {
    report = NotCommitted(placement.status());
  } else {
    upload.progress.phase = placement->multipart
                                ? UploadProgress::Phase::kCompleting
                                : UploadProgress::Phase::kLinking;
    report = deps_.link_loop.Run(
        upload.context,
        LinkRequestOf(request, upload.reader.integrity().size_bytes()), before,
        *std::move(placement),
        [&mover](const std::optional<StagingLocation>& where) {
          return mover.MoveAgain(where);
        },
        upload.random);
  }
  if (!report.status.ok()) mover.Abandon();
  upload.bytes_resent = mover.bytes_resent();
  return report;
}

}  // namespace lakefs::gateway
