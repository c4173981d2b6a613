#include "gateway/objectstore/store_error.h"

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "gateway/base/error.h"
#include "gateway/base/excerpt.h"
#include "gateway/http/reply_time.h"

namespace lakefs::gateway {
namespace {

using enum StoreCure;

constexpr absl::string_view kSessionEnded =
    "the gateway's own session at the store has ended: give it new keys with "
    "their AWS_SESSION_TOKEN, and start it again";
constexpr absl::string_view kWrongKey =
    "the store does not know the gateway's AWS_ACCESS_KEY_ID";
constexpr absl::string_view kWrongSecret =
    "AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID, or something "
    "before the store changes requests";
constexpr absl::string_view kNoRight =
    "the gateway's own keys lack s3:PutObject there";
constexpr absl::string_view kClock =
    "this machine's clock and the store's are more than 15 minutes apart";
constexpr absl::string_view kLakefsRight =
    "the identity that lakeFS signs URLs with lacks the right to write there";
constexpr absl::string_view kNetwork =
    "the store's firewall does not let the gateway in";
constexpr absl::string_view kRegion =
    "the bucket is in another region or at another endpoint than lakeFS signs "
    "URLs for";
constexpr absl::string_view kOwnRegion =
    "--s3-region or --s3-endpoint is not the bucket's";
constexpr absl::string_view kNoBucket =
    "the bucket or container of the repository's storage namespace is not "
    "there";
constexpr absl::string_view kOwnNoBucket =
    "--s3-endpoint is not lakeFS's store, or the bucket is gone";
constexpr absl::string_view kAccount =
    "the account at the store is closed or not paid for";
constexpr absl::string_view kEncryption =
    "the key that the store encrypts with cannot be used";
constexpr absl::string_view kFull = "the store has no room, or no quota, left";
constexpr absl::string_view kNeedsMd5 =
    "--content-md5 has each PUT carry what this bucket asks for";
constexpr absl::string_view kTooLarge =
    "it takes no object of this size in one request";
constexpr absl::string_view kInTheWay =
    "something that may not be replaced stands at that address";

// Of each store, by what helps. The first row that fits counts. InternalError
// and the like say nothing that their status does not.
constexpr StoreErrorRow kTable[] = {
    // S3, and stores that speak as it does.
    {"ExpiredToken", "", kFreshUrl, "", kSessionEnded},
    {"TokenRefreshRequired", "", kFreshUrl, "", kSessionEnded},
    {"InvalidToken", "", kFreshUrl, "", kSessionEnded},
    {"RequestExpired", "", kFreshUrl, "", kClock},
    {"AccessDenied", "expired", kFreshUrl, "", kClock},
    {"AccessDenied", "", kFreshUrl, kLakefsRight, kNoRight},
    {"InvalidSecurity", "", kFreshUrl, "", kWrongKey},
    {"InvalidAccessKeyId", "", kFreshUrl, "", kWrongKey},
    {"SignatureDoesNotMatch", "", kFreshUrl, "", kWrongSecret},
    {"RequestTimeTooSkewed", "", kFreshUrl, "", kClock},
    {"NotSignedUp", "", kOperator, kAccount},
    {"AccountProblem", "", kOperator, kAccount},
    {"AllAccessDisabled", "", kOperator, kAccount},
    {"InvalidPayer", "", kOperator, kAccount},
    {"AuthorizationHeaderMalformed", "", kOperator, kRegion, kOwnRegion},
    {"AuthorizationQueryParametersError", "", kOperator, kRegion},
    {"IllegalLocationConstraintException", "", kOperator, kRegion, kOwnRegion},
    {"PermanentRedirect", "", kOperator, kRegion, kOwnRegion},
    {"Redirect", "", kOperator, kRegion, kOwnRegion},
    {"NoSuchBucket", "", kOperator, kNoBucket, kOwnNoBucket},
    {"InvalidBucketName", "", kOperator, kNoBucket, kOwnNoBucket},
    {"InvalidRequest", "Content-MD5", kOperator, kNeedsMd5},
    {"MissingContentMD5", "", kOperator, kNeedsMd5},
    {"KMS.DisabledException", "", kOperator, kEncryption},
    {"KMS.InvalidKeyUsageException", "", kOperator, kEncryption},
    {"KMS.KMSInvalidStateException", "", kOperator, kEncryption},
    {"KMS.NotFoundException", "", kOperator, kEncryption},
    {"KMS.AccessDeniedException", "", kOperator, kEncryption},
    {"XMinioStorageFull", "", kOperator, kFull},
    {"XMinioAdminBucketQuotaExceeded", "", kOperator, kFull},
    {"QuotaExceeded", "", kOperator, kFull},
    {"SlowDown", "", kAgain, ""},
    {"SlowDownWrite", "", kAgain, ""},
    {"ServiceUnavailable", "", kAgain, ""},
    {"Throttling", "", kAgain, ""},
    {"ThrottlingException", "", kAgain, ""},
    {"RequestLimitExceeded", "", kAgain, ""},
    {"BandwidthLimitExceeded", "", kAgain, ""},
    {"KMS.ThrottlingException", "", kAgain, ""},
    {"OperationAborted", "", kAgain, ""},
    {"ConditionalRequestConflict", "", kAgain, ""},
    {"TemporaryRedirect", "", kAgain, ""},
    // A 400 that says nothing against the request: the bytes were hurt or held
    // up on their way.
    {"BadDigest", "", kAgain, ""},
    {"InvalidDigest", "", kAgain, ""},
    {"XAmzContentSHA256Mismatch", "", kAgain, ""},
    {"IncompleteBody", "", kAgain, ""},
    {"RequestTimeout", "", kAgain, ""},
    {"NoSuchUpload", "", kNewAddress, ""},
    {"InvalidPart", "", kNewAddress, ""},
    {"InvalidPartOrder", "", kNewAddress, ""},
    {"InvalidObjectState", "", kNewAddress, kInTheWay},
    {"ObjectLocked", "", kNewAddress, kInTheWay},
    {"EntityTooLarge", "", kCaller, kTooLarge},
    {"MethodNotAllowed", "", kNobody, ""},
    {"NotImplemented", "", kNobody, ""},
    // Azure.
    {"AuthenticationFailed", "", kFreshUrl, ""},
    {"InvalidAuthenticationInfo", "", kFreshUrl, ""},
    {"NoAuthenticationInformation", "", kFreshUrl, ""},
    {"AuthorizationPermissionMismatch", "", kOperator, kLakefsRight},
    {"AuthorizationResourceTypeMismatch", "", kOperator, kLakefsRight},
    {"AuthorizationServiceMismatch", "", kOperator, kLakefsRight},
    {"InsufficientAccountPermissions", "", kOperator, kLakefsRight},
    {"KeyBasedAuthenticationNotPermitted", "", kOperator, kLakefsRight},
    {"AuthorizationFailure", "not authorized", kOperator, kNetwork},
    {"AuthorizationFailure", "", kFreshUrl, ""},
    {"AuthorizationSourceIPMismatch", "", kOperator, kNetwork},
    {"AuthorizationProtocolMismatch", "", kOperator,
     "the URL is good for https only"},
    {"AccountIsDisabled", "", kOperator, kAccount},
    {"ContainerNotFound", "", kOperator, kNoBucket},
    {"ContainerBeingDeleted", "", kOperator, kNoBucket},
    {"ContainerDisabled", "", kOperator, kNoBucket},
    {"KeyVaultEncryptionKeyNotFound", "", kOperator, kEncryption},
    {"KeyVaultVaultNotFound", "", kOperator, kEncryption},
    {"ServerBusy", "", kAgain, ""},
    {"OperationTimedOut", "", kAgain, ""},
    {"Md5Mismatch", "", kAgain, ""},
    {"InvalidBlockList", "", kNewAddress, ""},
    {"InvalidBlobOrBlock", "", kNewAddress, ""},
    {"InvalidBlobType", "", kNewAddress, kInTheWay},
    {"BlobAlreadyExists", "", kNewAddress, kInTheWay},
    {"BlobArchived", "", kNewAddress, kInTheWay},
    {"BlobImmutableDueToPolicy", "", kNewAddress, kInTheWay},
    {"LeaseIdMissing", "", kNewAddress, kInTheWay},
    {"RequestBodyTooLarge", "", kCaller, kTooLarge},
    {"InvalidHeaderValue", "", kCaller,
     "header.content_type may be none that it takes"},
    // Google.
    {"AuthenticationRequired", "", kFreshUrl, ""},
    {"SecurityPolicyViolated", "", kOperator, kNetwork},
    {"UserProjectMissing", "", kOperator, kAccount},
    {"UserProjectAccountProblem", "", kOperator, kAccount},
};

// Where no code is known.
constexpr StoreErrorRow kRedirect{
    "", "", kOperator,
    "the store is at another address than lakeFS "
    "signs URLs for, and redirects are not followed",
    "it redirects: --s3-endpoint or --s3-region "
    "is not the bucket's"};
constexpr StoreErrorRow kDenied{"", "", kFreshUrl, "", kNoRight};
constexpr StoreErrorRow kTooLargeForProxy{
    "", "", kOperator, "something before the store limits what it takes"};
constexpr StoreErrorRow kMayPass{"", "", kAgain, ""};
constexpr StoreErrorRow kUnknown{"", "", kNobody, ""};

const StoreErrorRow& RowOf(int status, absl::string_view code,
                           absl::string_view message) {
  for (const StoreErrorRow& row : kTable) {
    if (row.code == code && absl::StrContains(message, row.says)) return row;
  }
  if (status >= 300 && status < 400) return kRedirect;
  if (status == 401 || status == 403) return kDenied;
  if (status == 413) return kTooLargeForProxy;
  const bool may_pass = status == 408 || status == 425 || status == 429 ||
                        (status >= 500 && status != 501);
  return may_pass ? kMayPass : kUnknown;
}

// The text of an element of an error's XML; empty if there is none. Errors are
// flat, and hold few escapes.
std::string ElementOf(absl::string_view body, absl::string_view name) {
  const std::string open = absl::StrCat("<", name, ">");
  const size_t begin = body.find(open);
  if (begin == absl::string_view::npos) return "";
  body.remove_prefix(begin + open.size());
  const size_t end = body.find(absl::StrCat("</", name, ">"));
  if (end == absl::string_view::npos) return "";
  return Excerpt(absl::StrReplaceAll(body.substr(0, end), {{"&quot;", "\""},
                                                           {"&apos;", "'"},
                                                           {"&#39;", "'"},
                                                           {"&#34;", "\""},
                                                           {"&lt;", "<"},
                                                           {"&gt;", ">"},
                                                           {"&amp;", "&"}}));
}

absl::StatusCode CodeOf(StoreCure cure) {
  switch (cure) {
    case kFreshUrl:
      return absl::StatusCode::kPermissionDenied;
    case kAgain:
      return absl::StatusCode::kUnavailable;
    case kNewAddress:
      return absl::StatusCode::kAborted;
    case kCaller:
      return absl::StatusCode::kInvalidArgument;
    case kOperator:
      return absl::StatusCode::kFailedPrecondition;
    case kNobody:
      break;
  }
  return absl::StatusCode::kInternal;
}

}  // namespace

std::span<const StoreErrorRow> StoreErrorTable() { return kTable; }

absl::Status StoreError(absl::string_view operation,
                        const HttpResponse& response, StoreAccess access) {
  std::string code = ElementOf(response.body, "Code");
  if (code.empty()) code = Excerpt(response.Header("x-ms-error-code"));
  const std::string said = ElementOf(response.body, "Message");
  const StoreErrorRow& row = RowOf(response.status, code, said);
  const bool own_keys = access == StoreAccess::kOwnKeys;
  const StoreCure cure =
      own_keys && row.cure == kFreshUrl ? kOperator : row.cure;
  const absl::string_view hint =
      own_keys && !row.hint_own_keys.empty() ? row.hint_own_keys : row.hint;

  ErrorDetails details;
  details.reason =
      cure == kAgain ? Reason::kUpstreamUnavailable : Reason::kStoreRejected;
  details.metadata = {{"operation", std::string(operation)},
                      {"upstreamHttpStatus", absl::StrCat(response.status)}};
  if (!code.empty()) details.metadata["storeErrorCode"] = code;
  details.retry_after = RetryAfterOf(response);
  return MakeError(
      CodeOf(cure),
      absl::StrCat("the object store answered ", operation, " with ",
                   response.status, code.empty() ? "" : ": ", code,
                   said.empty() ? "" : ": ", said, hint.empty() ? "" : "; ",
                   hint),
      details);
}

}  // namespace lakefs::gateway
