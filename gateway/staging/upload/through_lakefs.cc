#include "gateway/staging/upload/through_lakefs.h"

#include <functional>
#include <utility>

#include "absl/random/uniform_int_distribution.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"
#include "gateway/staging/link/request_mark.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

constexpr std::chrono::seconds kFindOut{5};

// What is read at a time. An object that is no larger is held to its end, and
// can be sent again.
constexpr int64_t kPartBytes = 1 << 20;

// Times that the object is sent, the first included.
constexpr int kMaxRounds = 8;

}  // namespace

// Hands the bytes to the HTTP client. The last of them only when the whole has
// been checked, so that a wrong object breaks the request off and lakeFS never
// links it.
class ThroughLakefs::CheckedBody {
 public:
  explicit CheckedBody(PartReader& reader) : reader_(reader) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) {
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
        const bool whole = part_.offset == 0;
        const auto s = reader_.CheckDigests(whole ? &part_.bytes : nullptr);
        if (!s.ok()) return s;
        checked_ = true;
      }
      read_ = part_.bytes.Reader();
    }
  }

  // Whether all of the object may have been sent.
  bool ended() const { return checked_; }

  // Begins anew with what is held, else by asking the caller for the bytes
  // again; false if it cannot.
  bool Again() {
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

 private:
  PartReader& reader_;
  Part part_;
  std::function<absl::StatusOr<size_t>(std::span<char>)> read_;
  bool checked_ = false;
};

namespace {

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
              details),
          .outcome = Outcome::kUnknown};
}

}  // namespace

LinkReport ThroughLakefs::Run(const CallContext& context,
                              const UploadRequest& request,
                              const ServerConfig& server, PartReader& reader,
                              absl::BitGenRef random) {
  if (request.mtime) {
    return NotCommitted(MakeError(
        absl::StatusCode::kFailedPrecondition,
        "header.mtime cannot be kept: this server does not presign, and an "
        "object that goes through lakeFS gets the time of its upload",
        Reason::kUpstreamUnimplemented));
  }
  if (!request.request_id.empty()) {
    const auto stats = Repeat(context, budget_, random, [&] {
      return lakefs_.StatObject(context, request.object);
    });
    if (!stats.ok()) return NotCommitted(stats.status());
    if (*stats && CameBy(request, **stats)) {
      if (!SameHeader(request, **stats)) return NotCommitted(OtherHeader());
      return Prove(context, request, **stats, random);
    }
  }
  const std::string upload_id = NewUploadId(random);
  UploadOptions options{.user_metadata = MarkedMetadata(request),
                        .content_type = request.content_type,
                        .if_absent = request.if_absent,
                        .force = request.force};
  options.user_metadata[kUploadIdKey] = upload_id;
  if (DialectOf(server).form_upload) options.form_boundary = upload_id;
  CheckedBody body(reader);
  Backoff backoff({}, random);
  for (int round = 1;; ++round) {
    LinkReport report =
        Send(context, request, options, body, reader.integrity(), random);
    report.rounds = round;
    const Reason reason = ReasonOf(report.status);
    const bool can_repeat = report.outcome == Outcome::kNotCommitted &&
                            (reason == Reason::kLinkConflict ||
                             reason == Reason::kUpstreamUnreachable);
    if (!can_repeat || round == kMaxRounds || !body.Again()) return report;
    const auto verdict = WaitToRetry(context, report.status, backoff, budget_);
    if (verdict != RetryVerdict::kRetried) return report;
  }
}

LinkReport ThroughLakefs::Send(const CallContext& context,
                               const UploadRequest& request,
                               const UploadOptions& options, CheckedBody& body,
                               const Integrity& integrity,
                               absl::BitGenRef random) {
  const auto stats = lakefs_.UploadObject(
      context, request.object, options,
      {.size_bytes = std::nullopt,
       .read = [&body](std::span<char> buffer) { return body.Read(buffer); }});
  if (stats.ok()) {
    const int64_t size_bytes = integrity.size_bytes();
    if (stats->size_bytes.value_or(size_bytes) != size_bytes) {
      return {
          .status = MakeError(absl::StatusCode::kDataLoss,
                              absl::StrCat("lakeFS stored ", *stats->size_bytes,
                                           " of ", size_bytes, " bytes"),
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
  return AfterFailure(context, request, options.user_metadata.at(kUploadIdKey),
                      stats.status(), random);
}

LinkReport ThroughLakefs::AfterFailure(const CallContext& context,
                                       const UploadRequest& request,
                                       const std::string& upload_id,
                                       const absl::Status& failure,
                                       absl::BitGenRef random) {
  const bool refused = ReasonOf(failure) == Reason::kObjectExists;
  const CallContext probe =
      context.Over().ok() ? context : context.Detached(kFindOut);
  const auto stats = Repeat(probe, budget_, random, [&] {
    return lakefs_.StatObject(probe, request.object);
  });
  if (!stats.ok()) return Unknown(request, stats.status());
  if (IsOurs(*stats, upload_id) || (*stats && CameBy(request, **stats))) {
    return Prove(probe, request, **stats, random);
  }
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
                      .mtime = FromEpochSeconds(stats.mtime),
                      .force = request.force},
                     // What comes to stand there has come after ours.
                     Before{.known = true},
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
