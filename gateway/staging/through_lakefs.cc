#include "gateway/staging/through_lakefs.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/random/uniform_int_distribution.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kFindOut{5};

// Hands the chunks to the HTTP client, checking each; at the end the whole, so
// that a wrong object breaks the request off and lakeFS never links it.
class CheckedBody {
 public:
  CheckedBody(const CallContext& context, BodySource& source,
              Integrity& integrity)
      : context_(context), source_(source), integrity_(integrity) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) {
    if (ended_) return 0;
    if (offset_ == chunk_.data.size()) {
      auto event = source_.Next(context_);
      if (!event.ok()) return event.status();
      if (const auto* finish = std::get_if<Finish>(&*event)) {
        ended_ = true;
        if (auto s = integrity_.Check(*finish); !s.ok()) return s;
        if (auto s = digester_.Check(*finish); !s.ok()) return s;
        return 0;
      }
      chunk_ = std::get<Chunk>(*std::move(event));
      offset_ = 0;
      if (auto s = integrity_.Add(chunk_); !s.ok()) return s;
      digester_.Add(chunk_.data);
    }
    const size_t n = std::min(buffer.size(), chunk_.data.size() - offset_);
    std::memcpy(buffer.data(), chunk_.data.data() + offset_, n);
    offset_ += n;
    return n;
  }

  // Whether the caller's end was read, and so all of the object sent.
  bool ended() const { return ended_; }

 private:
  const CallContext& context_;
  BodySource& source_;
  Integrity& integrity_;
  Digester digester_;
  Chunk chunk_;
  size_t offset_ = 0;
  bool ended_ = false;
};

std::string NewUploadId(absl::BitGenRef random) {
  absl::uniform_int_distribution<uint64_t> any;
  return absl::StrCat(absl::Hex(any(random), absl::kZeroPad16),
                      absl::Hex(any(random), absl::kZeroPad16));
}

bool IsOurs(const std::optional<ObjectStats>& stats,
            const std::string& upload_id) {
  if (!stats) return false;
  const auto mark = stats->user_metadata.find(kUploadIdKey);
  return mark != stats->user_metadata.end() && mark->second == upload_id;
}

LinkReport Unknown(const UploadRequest& request, const absl::Status& why) {
  if (absl::IsCancelled(why) || absl::IsDeadlineExceeded(why)) {
    return {.status = why, .outcome = Outcome::kUnknown};
  }
  ErrorDetails details = DetailsOf(why);
  details.reason = Reason::kOutcomeUnknown;
  return {.status = MakeError(
              absl::StatusCode::kUnknown,
              absl::StrCat("it could not be found out whether ",
                           ToString(request.object),
                           " was written; the last error: ", why.message()),
              std::move(details)),
          .outcome = Outcome::kUnknown};
}

}  // namespace

LinkReport ThroughLakefs::Run(const CallContext& context,
                              const UploadRequest& request, BodySource& source,
                              Integrity& integrity, absl::BitGenRef random) {
  if (request.mtime) {
    return NotCommitted(MakeError(
        absl::StatusCode::kFailedPrecondition,
        "header.mtime cannot be kept: this server does not presign, and an "
        "object that goes through lakeFS gets the time of its upload",
        Reason::kUpstreamUnimplemented));
  }
  const std::string upload_id = NewUploadId(random);
  UploadOptions options{.user_metadata = request.user_metadata,
                        .content_type = request.content_type,
                        .if_absent = request.if_absent,
                        .force = request.force};
  options.user_metadata[kUploadIdKey] = upload_id;
  CheckedBody body(context, source, integrity);
  const auto stats = lakefs_.UploadObject(
      context, request.object, options,
      {.size_bytes = std::nullopt,
       .read = [&body](std::span<char> buffer) { return body.Read(buffer); }});
  if (stats.ok()) {
    if (stats->size_bytes.value_or(integrity.size_bytes()) !=
        integrity.size_bytes()) {
      return {.status = MakeError(
                  absl::StatusCode::kDataLoss,
                  absl::StrCat("lakeFS stored ", *stats->size_bytes, " of ",
                               integrity.size_bytes(), " bytes"),
                  Reason::kSizeMismatch),
              .outcome = Outcome::kUnknown};
    }
    return {.outcome = Outcome::kCommitted, .object = *stats};
  }
  // Before the end of the body was sent, nothing can have been written.
  if (!body.ended() || (!Ambiguous(stats.status()) &&
                        ReasonOf(stats.status()) != Reason::kObjectExists)) {
    return NotCommitted(stats.status());
  }
  return AfterFailure(context, request, upload_id, stats.status(), random);
}

LinkReport ThroughLakefs::AfterFailure(const CallContext& context,
                                       const UploadRequest& request,
                                       const std::string& upload_id,
                                       absl::Status failure,
                                       absl::BitGenRef random) {
  const bool refused = ReasonOf(failure) == Reason::kObjectExists;
  const CallContext probe =
      context.Over().ok() ? context : context.Detached(kFindOut);
  const auto stats = Repeat(probe, budget_, random, [&] {
    return lakefs_.StatObject(probe, request.object);
  });
  if (!stats.ok()) return Unknown(request, stats.status());
  if (IsOurs(*stats, upload_id)) return Prove(probe, request, **stats, random);
  if (refused && *stats) {
    return {.status = MakeError(
                absl::StatusCode::kAlreadyExists,
                absl::StrCat(ToString(request.object), " exists already"),
                Reason::kObjectExists),
            .outcome = Outcome::kNotCommitted,
            .object = *stats};
  }
  if (!refused) return Unknown(request, failure);
  return NotCommitted(MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat(ToString(request.object),
                   " was lost to a commit that ran at the same time; upload it "
                   "again"),
      Reason::kLinkConflict));
}

LinkReport ThroughLakefs::Prove(const CallContext& context,
                                const UploadRequest& request,
                                const ObjectStats& stats,
                                absl::BitGenRef random) {
  LinkReport report =
      link_loop_.Run(context,
                     {.object = request.object,
                      .size_bytes = stats.size_bytes.value_or(0),
                      .user_metadata = stats.user_metadata,
                      .content_type = stats.content_type,
                      .force = request.force},
                     Before{},
                     {.location = {.physical_address = stats.physical_address},
                      .checksum = stats.checksum},
                     nullptr, random);
  // Where lakeFS does not take the address back, the entry is ours and stands
  // there, but might be lost yet if it was written under the condition.
  if (!report.status.ok() &&
      ReasonOf(report.status) == Reason::kUpstreamRejected &&
      !request.if_absent) {
    return {.outcome = Outcome::kCommitted, .object = stats};
  }
  if (!report.status.ok()) return Unknown(request, report.status);
  return report;
}

}  // namespace lakefs::gateway
