#include "gateway/lakefs/answer_table.h"

#include <algorithm>

#include "absl/strings/match.h"

namespace lakefs::gateway {
namespace {

using enum absl::StatusCode;
using enum Speaker;

constexpr absl::string_view kLookBetween =
    "look at --lakefs-endpoint, and at what stands between";

constexpr AnswerRow kTable[] = {
    // No release of lakeFS redirects its API. Nothing has been done yet.
    {300, 399, kAnybody, "", kFailedPrecondition, Reason::kUpstreamIntercepted,
     kLookBetween},

    {400, 400, kLakefs, "link address expired", kFailedPrecondition,
     Reason::kLinkAddressExpired},
    {400, 400, kLakefs, "bad address token", kFailedPrecondition,
     Reason::kLinkAddressExpired},
    // It knows who asks, so that to log in again is of no use.
    {401, 401, kLakefs, "insufficient permissions", kPermissionDenied,
     Reason::kPermissionDenied},
    // A mesh that checks tokens says it in lakeFS's place; a new one helps.
    {401, 401, kAnybody, "", kUnauthenticated, Reason::kCredentialsRejected},
    {403, 403, kLakefs, "", kPermissionDenied, Reason::kPermissionDenied},
    {404, 404, kLakefs, "invalid API endpoint", kUnimplemented,
     Reason::kUpstreamUnimplemented},
    {404, 404, kLakefs, "not found", kNotFound, Reason::kNotFound},
    // A router that knows no way to lakeFS, as an ingress while pods change.
    {404, 404, kAnybody, "", kUnavailable, Reason::kUpstreamUnreachable,
     kLookBetween},
    {407, 407, kAnother, "", kFailedPrecondition, Reason::kUpstreamIntercepted,
     "the proxy wants credentials"},
    {408, 408, kAnybody, "", kUnavailable, Reason::kUpstreamUnavailable},
    {409, 409, kLakefs, "", kAborted, Reason::kLinkConflict},
    {409, 409, kAnother, "", kUnavailable, Reason::kUpstreamUnavailable},
    {410, 410, kLakefs, "", kFailedPrecondition, Reason::kRepositoryInDeletion},
    {412, 412, kLakefs, "", kAlreadyExists, Reason::kObjectExists},
    // Its body may have been lost on the way: the write may have taken effect.
    {412, 412, kAnother, "", kUnavailable, Reason::kUpstreamUnavailable},
    {413, 413, kAnother, "", kFailedPrecondition, Reason::kUpstreamIntercepted,
     "raise its limit on the size of bodies"},
    // 420 is how v1.21 names 429.
    {420, 420, kAnybody, "", kResourceExhausted, Reason::kUpstreamThrottled},
    {423, 423, kLakefs, "", kUnavailable, Reason::kBranchLocked},
    {423, 423, kAnother, "", kUnavailable, Reason::kUpstreamUnavailable},
    {429, 429, kAnybody, "", kResourceExhausted, Reason::kUpstreamThrottled},
    {400, 499, kLakefs, "", kInvalidArgument, Reason::kUpstreamRejected},
    {400, 499, kAnother, "", kFailedPrecondition, Reason::kUpstreamIntercepted,
     kLookBetween},

    {500, 500, kLakefs, "invalid API endpoint", kUnimplemented,
     Reason::kUpstreamUnimplemented},
    {500, 500, kLakefs, "operation not supported", kUnimplemented,
     Reason::kUpstreamUnimplemented},
    {500, 500, kLakefs, "predicate failed", kUnavailable,
     Reason::kBranchLocked},
    {500, 500, kLakefs, "branch is currently locked", kUnavailable,
     Reason::kBranchLocked},
    // Refusals of the store that no repetition of the same request overcomes.
    {500, 500, kLakefs, "api error NoSuchUpload:", kInternal,
     Reason::kStoreRejected},
    {500, 500, kLakefs, "api error InvalidPart:", kInternal,
     Reason::kStoreRejected},
    {500, 500, kLakefs, "api error InvalidPartOrder:", kInternal,
     Reason::kStoreRejected},
    {500, 500, kLakefs, "api error EntityTooSmall:", kInternal,
     Reason::kStoreRejected},
    {500, 500, kLakefs, "cannot write to protected branch", kPermissionDenied,
     Reason::kPermissionDenied},
    // What later releases say by a 400, or the request never gets that far.
    {500, 500, kLakefs, "validation error", kInvalidArgument,
     Reason::kUpstreamRejected},
    {500, 500, kLakefs, "mime: ", kInvalidArgument, Reason::kUpstreamRejected},
    {500, 500, kAnybody, "", kInternal, Reason::kUpstreamInternal},
    {501, 501, kLakefs, "", kUnimplemented, Reason::kUpstreamUnimplemented},
    {501, 501, kAnother, "", kFailedPrecondition, Reason::kUpstreamIntercepted,
     kLookBetween},
    {502, 599, kAnybody, "", kUnavailable, Reason::kUpstreamUnavailable},
};

// For what is no status at all: something went wrong, and nothing is known.
constexpr AnswerRow kNoStatus = {0,  0,         kAnybody,
                                 "", kInternal, Reason::kUpstreamInternal};

}  // namespace

std::span<const AnswerRow> AnswerTable() { return kTable; }

const AnswerRow& RowOf(int status, Speaker speaker, absl::string_view message) {
  const auto* row =
      std::find_if(std::begin(kTable), std::end(kTable), [&](const auto& row) {
        return status >= row.first && status <= row.last &&
               (row.speaker == kAnybody || row.speaker == speaker) &&
               absl::StrContains(message, row.text);
      });
  return row == std::end(kTable) ? kNoStatus : *row;
}

}  // namespace lakefs::gateway
