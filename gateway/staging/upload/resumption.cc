#include "gateway/staging/upload/resumption.h"

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// Where the address has no limit of its own. The usual rule of a bucket removes
// the parts of uploads that old.
constexpr std::chrono::hours kLongestLife{7 * 24};

absl::Status Refused(absl::string_view label, absl::string_view why) {
  return MakeError(
      absl::StatusCode::kPermissionDenied,
      absl::StrCat("the resume token ", why),
      ErrorDetails{.reason = Reason::kResumeRefused,
                   .metadata = {{"resumeRefusal", std::string(label)}}});
}

// Who calls: what they show lakeFS, if callers bring that themselves, and what
// the transport vouches for.
std::string CallerDigest(const CallContext& context,
                         const std::string& caller) {
  return Sha256(absl::StrCat(context.authorization().size(), ":",
                             context.authorization(), caller));
}

}  // namespace

std::string Resumption::Seal(const CallContext& context,
                             const UploadRequest& request,
                             const std::string& blockstore_id,
                             const ResumePoint& point) const {
  const std::string bytes =
      Encode({.point = point,
              .object = request.object,
              .blockstore_id = blockstore_id,
              .header = HeaderDigest(request),
              .lakefs = lakefs_,
              .caller = CallerDigest(context, request.caller),
              .made = clock_.WallNow()});
  return bytes.empty() ? "" : keys_.Seal(bytes);
}

absl::StatusOr<ResumeToken> Resumption::Open(
    const CallContext& context, const UploadRequest& request) const {
  auto token = OpenToDiscard(context, request.resume_token, request.caller);
  if (!token.ok()) return token;
  if (token->header != HeaderDigest(request)) {
    return Refused("header",
                   "is of a call with another header; all but progress, "
                   "can_rewind, attempt and resumable has to be as it was");
  }
  const WallTime now = clock_.WallNow();
  const auto& link_before = token->point.link_before;
  if (now >= token->made + kLongestLife ||
      (link_before && now >= *link_before)) {
    return ResumeExpired(
        "expired",
        "is too old: lakeFS links an address only for some hours, "
        "and a week is the most");
  }
  return token;
}

absl::StatusOr<ResumeToken> Resumption::OpenToDiscard(
    const CallContext& context, const std::string& token,
    const std::string& caller) const {
  const auto bytes = keys_.Unseal(token);
  auto opened = bytes ? Decode(*bytes) : std::nullopt;
  if (!opened) {
    return Refused("unsealed",
                   "was not given out by this gateway, nor by one with the "
                   "same --resume-key-file, or was changed on the way; call "
                   "without it, and send all bytes");
  }
  if (opened->lakefs != lakefs_) {
    return Refused("lakefs", "is of a gateway of another lakeFS");
  }
  if (opened->caller != CallerDigest(context, caller)) {
    return Refused("caller",
                   "was given to another caller, or to one with other "
                   "credentials");
  }
  return *std::move(opened);
}

}  // namespace lakefs::gateway
