// Errors as they go over the wire.
#pragma once

#include <grpcpp/support/status.h>

#include "absl/status/status.h"
#include "gateway/staging/link/outcome.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// The status with its google.rpc details: exactly one ErrorInfo, and RetryInfo,
// BadRequest, ResourceInfo where they apply.
//
// Units: every status fits into the 8 KiB of trailers that all stock clients
// take. Where one would not, the least needed is left out, in this order: the
// metadata of the object in the way, the presigned URL of the location, the
// object, the location, and the names of what is wrong or missing.
grpc::Status ToGrpcStatus(const absl::Status& status);

// The same of a failed upload or link, with its UploadFailure and, if lakeFS
// named one, the StagingLocation to try. `attempts` are HTTP exchanges.
grpc::Status ToGrpcStatus(const LinkReport& report, int attempts);

// What is told of a failed upload beside its status.
::lakefs::staging::v1::UploadFailure FailureOf(const LinkReport& report,
                                               int attempts);

// The same error with the name of what is missing, where it is NOT_FOUND.
absl::Status NameResource(const absl::Status& status, const ObjectPath& object);

}  // namespace lakefs::gateway
