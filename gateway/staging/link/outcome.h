// What is known about an upload once it is over.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

struct UndecidedLink;  // undecided_link.h

enum class Outcome {
  kCommitted,     // stored and linked, and the link was proven
  kNotCommitted,  // nothing was linked, and nothing in flight can link it
  kSuperseded,    // a concurrent writer's object stands where ours was linked
  kUnknown,       // it could not be found out
};

// What the caller of a failed upload should do.
enum class Advice { kRetryCall, kRestart, kFixRequest, kGiveUp };

// How the bytes go to the store.
enum class Plan {
  kNone,         // not chosen yet
  kSinglePut,    // one PUT to a presigned URL
  kMultipart,    // presigned multipart upload
  kAzureBlocks,  // Put Block and Put Block List on one SAS
  kSpooledPut,   // spooled to an unlinked temporary file, then one PUT
  kDirectS3,     // the gateway's own store credentials
  kLocalFile,    // a file on a volume shared with lakeFS
  kThroughLakefs,
};

// How a link ended. `status` is OK exactly if `outcome` is kCommitted or
// kSuperseded.
struct LinkReport {
  absl::Status status;
  Outcome outcome = Outcome::kNotCommitted;

  // The object linked; with OBJECT_EXISTS and OBJECT_CHANGED the one that
  // stands in the way.
  std::optional<ObjectStats> object;

  // With LINK_CONFLICT: where lakeFS wants the object, if it said so.
  std::optional<StagingLocation> try_here;

  int rounds = 1;

  // With kCommitted, what a client that takes lakeFS at its word would have
  // got wrong; a value of the metric link_rescues_total, or empty.
  absl::string_view rescue;

  // With kUnknown, what it takes to find out later; null if nothing helps.
  std::shared_ptr<const UndecidedLink> undecided;
};

// How an upload ended.
struct UploadReport {
  LinkReport link;
  Plan plan = Plan::kNone;
  // Of the whole object; not known of one that came by another gateway.
  std::optional<uint32_t> crc32c;
  int attempts = 0;          // HTTP exchanges
  int64_t bytes_resent = 0;  // sent to the store more than once
  Duration elapsed{};
  // Where the call began, if it went on with an upload by its resume token.
  std::optional<int64_t> resumed_at;
};

// A report of a call that failed before anything could be linked.
inline LinkReport NotCommitted(absl::Status status) {
  return {.status = std::move(status), .outcome = Outcome::kNotCommitted};
}

// A report of a call whose if_match expected something else at the path than
// `seen`. Nothing of it was linked, unless the caller knows better.
LinkReport ObjectChanged(const ObjectPath& object,
                         const std::optional<ObjectStats>& seen);

// What to do about a failure: repeat the call, start over, change the request,
// or give up.
Advice AdviceFor(const LinkReport& report);

}  // namespace lakefs::gateway
