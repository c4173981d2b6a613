#include "gateway/staging/upload_session.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/preflight.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// A missing branch is asked for early only where that can save moving more
// bytes than this: a question costs as much as a small object.
constexpr int64_t kAskEarlyBytes = 8 << 20;

// A store that refuses this many fresh URLs refuses the object.
constexpr int kMaxUrls = 3;

LinkRequest LinkRequestOf(const UploadRequest& request, int64_t size_bytes) {
  return {.object = request.object,
          .size_bytes = size_bytes,
          .user_metadata = request.user_metadata,
          .content_type = request.content_type,
          .mtime = request.mtime,
          .force = request.force,
          .if_absent = request.if_absent};
}

absl::Status CheckWhole(const Integrity& integrity, const Finish& finish,
                        const Rope& bytes) {
  if (auto s = integrity.Check(finish); !s.ok()) return s;
  if (!finish.sha256 && !finish.md5) return absl::OkStatus();
  Digester digester;
  for (const Rope::Piece& piece : bytes.pieces()) digester.Add(piece.text);
  return digester.Check(finish);
}

bool UrlRefused(const absl::Status& status) {
  return absl::IsPermissionDenied(status) &&
         ReasonOf(status) == Reason::kStoreRejected;
}

}  // namespace

// What an upload carries through its steps.
struct UploadSession::Upload {
  const CallContext& context;
  const UploadRequest& request;
  BodySource& source;
  absl::BitGenRef random;
  Integrity integrity;
  ServerConfig server;
  Plan plan = Plan::kNone;
  int puts = 0;
  int64_t bytes_resent = 0;
};

UploadSession::UploadSession(UploadDependencies dependencies)
    : deps_(dependencies),
      through_lakefs_(deps_.lakefs, deps_.link_loop, deps_.lakefs_budget) {}

UploadReport UploadSession::Run(const CallContext& context,
                                const UploadRequest& request,
                                BodySource& source, absl::BitGenRef random) {
  const TimePoint start = context.clock().Now();
  Upload upload{.context = context,
                .request = request,
                .source = source,
                .random = random,
                .integrity = Integrity(request.size_bytes)};
  LinkReport link = RunPlan(upload);
  return {.link = std::move(link),
          .plan = upload.plan,
          .crc32c = upload.integrity.crc32c(),
          .attempts = context.attempts(),
          .bytes_resent = upload.bytes_resent,
          .elapsed = context.clock().Now() - start};
}

LinkReport UploadSession::RunPlan(Upload& upload) {
  if (auto s = InvalidRequest(Violations(upload.request)); !s.ok()) {
    return NotCommitted(s);
  }
  auto server = deps_.server_info.Get(upload.context, upload.random);
  if (!server.ok()) return NotCommitted(server.status());
  upload.server = *std::move(server);
  const auto plan = ChoosePlan(upload.server, upload.request, deps_.plan);
  if (!plan.ok()) return NotCommitted(plan.status());
  upload.plan = *plan;
  return upload.plan == Plan::kSinglePut ? SinglePut(upload)
                                         : PassThrough(upload);
}

LinkReport UploadSession::SinglePut(Upload& upload) {
  const UploadRequest& request = upload.request;
  const bool may_be_large =
      request.size_bytes.value_or(kAskEarlyBytes + 1) > kAskEarlyBytes;
  Preflight preflight(upload.context, deps_.lakefs, deps_.pool, request.object,
                      request.if_absent, may_be_large);
  Rope bytes;
  while (true) {
    auto event = upload.source.Next(upload.context);
    if (!event.ok()) return NotCommitted(event.status());
    if (const auto* finish = std::get_if<Finish>(&*event)) {
      const auto checked = CheckWhole(upload.integrity, *finish, bytes);
      if (!checked.ok()) return NotCommitted(checked);
      break;
    }
    Chunk chunk = std::get<Chunk>(*std::move(event));
    if (auto s = upload.integrity.Add(chunk); !s.ok()) return NotCommitted(s);
    bytes.Append(std::move(chunk.data));
    const auto size = static_cast<int64_t>(bytes.size_bytes());
    if (size > deps_.plan.single_put_bytes) {
      return NotCommitted(ObjectTooLarge(size, deps_.plan));
    }
    if (auto refusal = preflight.Refusal()) return *std::move(refusal);
  }
  auto placement = PutAt(upload, bytes, std::nullopt);
  const Before& before = preflight.GetBefore();
  if (auto refusal = preflight.Refusal()) return *std::move(refusal);
  if (!placement.ok()) return NotCommitted(placement.status());
  return deps_.link_loop.Run(
      upload.context, LinkRequestOf(request, upload.integrity.size_bytes()),
      before, *std::move(placement),
      [&](const std::optional<StagingLocation>& where) {
        return PutAt(upload, bytes, where);
      },
      upload.random);
}

LinkReport UploadSession::PassThrough(Upload& upload) {
  return through_lakefs_.Run(upload.context, upload.request, upload.source,
                             upload.integrity, upload.random);
}

absl::StatusOr<Placement> UploadSession::PutAt(
    Upload& upload, const Rope& bytes, std::optional<StagingLocation> where) {
  for (int url = 1;; ++url) {
    auto placement = PutOnce(upload, bytes, std::move(where));
    // A URL that has expired looks like any other refusal; a fresh one tells.
    if (placement.ok() || !UrlRefused(placement.status()) || url == kMaxUrls) {
      return placement;
    }
    where.reset();
  }
}

absl::StatusOr<Placement> UploadSession::PutOnce(
    Upload& upload, const Rope& bytes, std::optional<StagingLocation> where) {
  const CallContext& context = upload.context;
  // A location that lakeFS named in a conflict may lack the URL.
  if (!where || !where->presigned_url) {
    auto location = Repeat(context, deps_.lakefs_budget, upload.random, [&] {
      return deps_.lakefs.GetPhysicalAddress(context, upload.request.object,
                                             /*presign=*/true);
    });
    if (!location.ok()) return location.status();
    where = *std::move(location);
  }
  const Dialect dialect = DialectOf(upload.server, *where);
  if (upload.request.if_absent && !dialect.conditional_link) {
    return MakeError(absl::StatusCode::kFailedPrecondition,
                     "if_absent needs lakeFS v1.12 or later; this server would "
                     "overwrite what stands at the path",
                     Reason::kUpstreamUnimplemented);
  }
  auto stored = Repeat(context, deps_.store_budget, upload.random, [&] {
    if (upload.puts++ > 0) {
      upload.bytes_resent += static_cast<int64_t>(bytes.size_bytes());
    }
    return deps_.store.Put(context, *where, bytes);
  });
  if (!stored.ok()) return stored.status();
  return Placement{.location = *std::move(where),
                   .checksum = std::move(stored->checksum),
                   .relinkable = dialect.relinkable};
}

}  // namespace lakefs::gateway
