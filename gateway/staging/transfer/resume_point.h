// How far an upload in parts is.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/base/clock.h"
#include "gateway/lakefs/types.h"
#include "gateway/staging/link/outcome.h"

namespace lakefs::gateway {

// All that it takes to go on with the bytes of an upload, at another gateway
// too. The store holds what lies before offset(), and nothing of it is sent
// again.
struct ResumePoint {
  Plan plan = Plan::kNone;   // kMultipart or kDirectS3
  StagingLocation location;  // its address and, where lakeFS wants one, token
  std::string upload_id;     // the store's
  int64_t part_bytes = 0;    // of every part but the last of the object
  std::vector<StoredPart> parts;  // 1, 2, … without a gap, each of part_bytes
  uint32_t crc32c = 0;            // of the bytes before offset()
  // When lakeFS takes the address no more, if there is a limit.
  std::optional<WallTime> link_before;

  int64_t offset() const {
    return part_bytes * static_cast<int64_t>(parts.size());
  }
};

// FAILED_PRECONDITION, RESUME_EXPIRED: a resume token is good no more, since it
// `is …`. `label` is for the metric.
absl::Status ResumeExpired(absl::string_view label, absl::string_view is);

// The same of one whose upload the store does not have any more. Whether it was
// completed, and by whom, nobody knows.
absl::Status UploadIsGone();
bool IsGone(const absl::Status& status);

// The same of one that this gateway, as it is set up, cannot go on with.
absl::Status RefusedHere(absl::string_view is);

// The same, since it has not the way to the store that the other one took.
absl::Status HasNotTheWay();

}  // namespace lakefs::gateway
