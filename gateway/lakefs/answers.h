// What lakeFS's answers mean.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// The error that an answer with a status of 300 or more stands for. It is the
// only place that looks at the texts of lakeFS's messages:
//
//  status         | message holds                      | code, reason
//  ---------------+------------------------------------+--------------------
//  400            | link address expired,              | FAILED_PRECONDITION,
//                 |   bad address token                |   LINK_ADDRESS_EXPIRED
//  400            | else                               | INVALID_ARGUMENT,
//                 |                                    |   UPSTREAM_REJECTED
//  401 403        |                                    | UNAUTHENTICATED,
//                 |                                    |   PERMISSION_DENIED
//  404, 500       | invalid API endpoint               | UNIMPLEMENTED
//  404            | else                               | NOT_FOUND
//  409            |                                    | ABORTED, LINK_CONFLICT
//  410            |                                    | FAILED_PRECONDITION,
//                 |                                    | REPOSITORY_IN_DELETION
//  412            |                                    | ALREADY_EXISTS
//  423            |                                    | UNAVAILABLE,
//                 |                                    |   BRANCH_LOCKED
//  429            |                                    | RESOURCE_EXHAUSTED
//  500            | predicate failed,                  | UNAVAILABLE,
//                 |   branch is currently locked       |   BRANCH_LOCKED
//  500            | api error NoSuchUpload,            | INTERNAL,
//                 |   InvalidPart, InvalidPartOrder,   |   STORE_REJECTED with
//                 |   EntityTooSmall                   |   storeErrorCode
//  500            | cannot write to protected branch   | PERMISSION_DENIED
//  500            | presigned URL: operation not …     | UNIMPLEMENTED
//  500            | else                               | INTERNAL
//  501            |                                    | UNIMPLEMENTED
//  502 503 504    |                                    | UNAVAILABLE
//  else           |                                    | INTERNAL
//
// Source: answers recorded from servers of v0.66 to v1.84.
absl::Status AnswerToStatus(absl::string_view operation,
                            const HttpResponse& response);

// Whether the answer is a 404 for want of an object or its branch, and not of
// the repository. Nothing is wrong then, so that no error is made of it.
bool SaysAbsent(const HttpResponse& response);

// An answer that says it succeeded, but whose body cannot be read: what
// happened is as unknown as if it had been lost.
absl::Status UnreadableAnswer(absl::string_view operation,
                              const HttpResponse& response);

}  // namespace lakefs::gateway
