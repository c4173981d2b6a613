// The choice of the way that an object's bytes take.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "gateway/lakefs/types.h"
#include "gateway/staging/outcome.h"
#include "gateway/staging/upload_request.h"

namespace lakefs::gateway {

struct PlanOptions {
  // Largest object that is held in memory for a single PUT. 64 MiB.
  int64_t single_put_bytes = 64 << 20;
};

// The plan for an upload to this server. A pure function.
//
//  the server       | the object                    | plan
//  -----------------+-------------------------------+------------------------
//  presigns         | up to single_put_bytes, or    | SINGLE_PUT
//                   |   of a size not known yet     |
//  presigns         | larger                        | FAILED_PRECONDITION,
//                   |                               |   OBJECT_TOO_LARGE
//  does not presign | any                           | THROUGH_LAKEFS
absl::StatusOr<Plan> ChoosePlan(const ServerConfig& server,
                                const UploadRequest& request,
                                const PlanOptions& options);

// The error of an object that is larger than a single PUT may be.
absl::Status ObjectTooLarge(int64_t size_bytes, const PlanOptions& options);

}  // namespace lakefs::gateway
