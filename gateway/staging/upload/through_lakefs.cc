#include "gateway/staging/upload/through_lakefs.h"

#include <utility>

#include "absl/random/uniform_int_distribution.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"

namespace lakefs::gateway {
namespace {

// What is read at a time. An object that is no larger is held to its end, and
// can be sent again.
constexpr int64_t kPartBytes = 1 << 20;

absl::Status CannotKeep(absl::string_view what, absl::string_view why) {
  return MakeError(
      absl::StatusCode::kFailedPrecondition,
      absl::StrCat(what, " cannot be kept: this server does not presign, and ",
                   why),
      Reason::kUpstreamUnimplemented);
}

}  // namespace

ThroughLakefs::ThroughLakefs(LakefsApi& lakefs, const ServerConfig& server,
                             PartSource& reader, std::string upload_id,
                             std::function<absl::Status()> check_whole)
    : lakefs_(lakefs),
      server_(server),
      reader_(reader),
      upload_id_(std::move(upload_id)),
      body_(reader, std::move(check_whole)) {}

absl::Status ThroughLakefs::Check(const UploadRequest& request,
                                  const ServerConfig& server) {
  const Dialect dialect = DialectOf(server);
  if (request.mtime) {
    return CannotKeep("header.mtime",
                      "an object that goes through lakeFS gets the time of its "
                      "upload");
  }
  if (request.if_absent && !dialect.conditional_upload) {
    return CannotKeep("header.if_absent",
                      "what goes through lakeFS v0.67 to v1.11 overwrites what "
                      "stands at the path");
  }
  if (!dialect.form_upload) return absl::OkStatus();
  if (!request.user_metadata.empty()) {
    return CannotKeep("header.user_metadata",
                      "lakeFS before v1.0 drops it from what goes through it");
  }
  if (!request.request_id.empty()) {
    return CannotKeep("header.request_id",
                      "lakeFS before v1.0 drops its mark, which is user "
                      "metadata, from what goes through it");
  }
  return absl::OkStatus();
}

std::string ThroughLakefs::NewUploadId(absl::BitGenRef random) {
  absl::uniform_int_distribution<uint64_t> any;
  return absl::StrCat(absl::Hex(any(random), absl::kZeroPad16),
                      absl::Hex(any(random), absl::kZeroPad16));
}

Placement ThroughLakefs::First() {
  return {.through_lakefs = true,
          .send =
              [this](const CallContext& context, LinkRequest& link,
                     const WriteCondition& condition) {
                return Send(context, link, condition);
              },
          .relinkable = false};
}

absl::StatusOr<Placement> ThroughLakefs::Again() {
  if (!body_.failure().ok()) return body_.failure();
  if (body_.Again()) return First();
  return MakeError(
      absl::StatusCode::kAborted,
      "the object has to be sent once more, its bytes are not held any longer, "
      "and the caller cannot send them again; upload it again",
      Reason::kLinkConflict);
}

LinkAnswer ThroughLakefs::Send(const CallContext& context, LinkRequest& link,
                               const WriteCondition& condition) {
  UploadOptions options{.user_metadata = link.user_metadata,
                        .content_type = link.content_type,
                        .condition = condition,
                        .force = link.force};
  if (DialectOf(server_).form_upload) options.form_boundary = upload_id_;
  auto stats = lakefs_.UploadObject(
      context, link.object, options,
      {.size_bytes = std::nullopt,
       .read = [this](std::span<char> buffer) { return body_.Read(buffer); }});
  link.size_bytes = reader_.size_bytes();
  if (!stats.ok()) return {.stats = Judged(stats.status())};
  if (stats->size_bytes.value_or(link.size_bytes) != link.size_bytes) {
    return {.stats =
                MakeError(absl::StatusCode::kDataLoss,
                          absl::StrCat("lakeFS stored ", *stats->size_bytes,
                                       " of ", link.size_bytes, " bytes"),
                          Reason::kSizeMismatch)};
  }
  return {.stats = *std::move(stats)};
}

// Before the end of the body was sent, nothing can have been written.
absl::Status ThroughLakefs::Judged(const absl::Status& failure) const {
  if (!body_.failure().ok()) return body_.failure();
  if (body_.ended() || !Ambiguous(failure)) return failure;
  ErrorDetails details = DetailsOf(failure);
  details.reason = Reason::kUpstreamUnreachable;
  return MakeError(failure.code(), failure.message(), details);
}

absl::StatusOr<size_t> ThroughLakefs::CheckedBody::Read(
    std::span<char> buffer) {
  auto n = ReadOn(buffer);
  if (!n.ok()) failure_ = n.status();
  return n;
}

absl::StatusOr<size_t> ThroughLakefs::CheckedBody::ReadOn(
    std::span<char> buffer) {
  while (true) {
    if (read_) {
      const auto n = read_(buffer);
      if (!n.ok() || *n > 0) return n;
    }
    if (reader_.ended()) return 0;
    read_ = nullptr;
    part_ = Part();
    auto part = reader_.Next(kPartBytes);
    if (!part.ok()) return part.status();
    part_ = *std::move(part);
    if (reader_.ended()) {
      if (auto s = CheckWhole(); !s.ok()) return s;
      checked_ = true;
    }
    read_ = part_.bytes.Reader();
  }
}

absl::Status ThroughLakefs::CheckedBody::CheckWhole() {
  const bool held = part_.offset == 0;
  auto s = reader_.CheckDigests(held ? &part_.bytes : nullptr);
  if (s.ok()) s = reader_.CheckSent();
  return s.ok() && check_whole_ ? check_whole_() : s;
}

bool ThroughLakefs::CheckedBody::Again() {
  const bool untouched = !read_ && !reader_.ended();
  const bool held = reader_.ended() && part_.offset == 0;
  if (held) read_ = part_.bytes.Reader();
  if (untouched || held) return true;
  if (!reader_.Restart()) return false;
  read_ = nullptr;
  part_ = Part();
  checked_ = false;
  return true;
}

}  // namespace lakefs::gateway
