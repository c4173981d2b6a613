#include "gateway/staging/transfer/plan.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/lakefs/dialect.h"

namespace lakefs::gateway {
namespace {

constexpr int64_t kMiB = 1 << 20;
constexpr int64_t kGiB = 1 << 30;

// What the stores take in one PUT.
constexpr int64_t kS3SinglePut = 5 * kGiB;
constexpr int64_t kGoogleSinglePut = 5 * 1024 * kGiB;

absl::Status TooLarge(absl::string_view message) {
  return MakeError(absl::StatusCode::kFailedPrecondition, message,
                   Reason::kObjectTooLarge);
}

// Why an object has to go by one PUT, and what to do if it is too large for
// that.
struct OnePut {
  absl::string_view why;
  absl::string_view instead;
};
constexpr OnePut kByGoogle{"Google Cloud Storage takes it in one PUT",
                           "split it"};
constexpr OnePut kByServer{
    "this server offers no presigned multipart uploads, so it goes by one PUT",
    "send it to one that does, as lakeFS v1.7 and later"};
constexpr OnePut kByCondition{
    "if_absent, if_match, mtime and force need one PUT, since a multipart "
    "upload takes none of them",
    "send it without them"};

absl::StatusOr<Plan> Spooled(KnownSize size, int64_t limit, const OnePut& put,
                             const PlanOptions& options) {
  if (size.bytes > limit) {
    return TooLarge(absl::StrCat(
        "the object has ", size.bytes, " bytes or more, and ", put.why,
        ". One PUT takes at most ", limit, " bytes: ", put.instead));
  }
  if (size.at_hand) return Plan::kSinglePut;
  if (size.bytes > options.spool_bytes) {
    return TooLarge(absl::StrCat(
        "the object has ", size.bytes, " bytes or more, and ", put.why,
        ", so it has to be spooled, and --spool-bytes is ", options.spool_bytes,
        "; raise it"));
  }
  return Plan::kSpooledPut;
}

absl::StatusOr<Plan> PresignedPlan(const ServerConfig& server, bool needs_link,
                                   KnownSize size, const PlanOptions& options) {
  if (size.exact && size.bytes <= options.part_bytes) return Plan::kSinglePut;
  if (server.blockstore_type == "azure") return Plan::kAzureBlocks;
  if (server.blockstore_type == "gs") {
    return Spooled(size, kGoogleSinglePut, kByGoogle, options);
  }
  if (!server.pre_sign_multipart_upload.value_or(false)) {
    return Spooled(size, kS3SinglePut, kByServer, options);
  }
  if (needs_link) return Spooled(size, kS3SinglePut, kByCondition, options);
  return Plan::kMultipart;
}

}  // namespace

absl::StatusOr<Plan> ChoosePlan(const ServerConfig& server, bool needs_link,
                                KnownSize size, const PlanOptions& options) {
  if (options.presign && server.pre_sign_support.value_or(false)) {
    return PresignedPlan(server, needs_link, size, options);
  }
  const OwnWays& own = options.own_ways.To(server.blockstore_id);
  if (server.blockstore_type == "s3" && own.direct_s3 != nullptr) {
    return Plan::kDirectS3;
  }
  if (server.blockstore_type == "local" && own.local_file != nullptr &&
      DialectOf(server).local_address) {
    return Plan::kLocalFile;
  }
  return Plan::kThroughLakefs;
}

absl::StatusOr<int64_t> PartBytes(std::optional<int64_t> size_bytes,
                                  int64_t max_parts, bool at_hand,
                                  const PlanOptions& options) {
  const int64_t size = size_bytes.value_or(0);
  const int64_t needed = (size + max_parts - 1) / max_parts;
  if (needed <= options.part_bytes) return options.part_bytes;
  const int64_t grown = (needed + kMiB - 1) / kMiB * kMiB;
  if (at_hand || grown <= options.largest_part_bytes) return grown;
  return TooLarge(absl::StrCat(
      size, " bytes in at most ", max_parts, " parts make parts of ", grown,
      " bytes, and no part may take more than half of --memory-bytes; raise it "
      "to ",
      2 * grown, " or more"));
}

}  // namespace lakefs::gateway
