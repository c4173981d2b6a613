// What the refusals of object stores mean, in one table.
#pragma once

#include <span>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// By what right the gateway speaks to a store.
enum class StoreAccess {
  kPresigned,  // of URLs that lakeFS has signed
  kOwnKeys,    // of S3 keys among its own settings
};

// What helps against a refusal.
enum class StoreCure {
  // Another URL: the right that this one carries has ended. By our own keys
  // there is none, and it is the operator's.
  kFreshUrl,
  kAgain,       // the same request, after a backoff
  kNewAddress,  // the same bytes elsewhere
  kCaller,      // another request by the caller
  kOperator,  // a setting or a right, of the gateway's, lakeFS's or the store's
  kNobody,    // nothing that is known
};

struct StoreErrorRow {
  // The store's own name of the error, and what its message has to hold for the
  // row to count; "": anything.
  absl::string_view code;
  absl::string_view says;
  StoreCure cure;
  // What to do, for whoever reads the error; "": the store's words have to do.
  absl::string_view hint;
  // The same where the keys are our own; "": as `hint`.
  absl::string_view hint_own_keys = "";
};

// Source: the lists of error codes of the S3 API, of Azure's Blob service and
// of the XML API of Google Cloud Storage; MinIO's for what is its own.
std::span<const StoreErrorRow> StoreErrorTable();

// The error of a store's answer, whatever its status: by its code, and by the
// status if the code is not in the table. Holds the store's own message, up to
// 256 bytes of it, and storeErrorCode.
//
//  cure        | error
//  ------------+---------------------------------------------------------------
//  FreshUrl    | PERMISSION_DENIED, STORE_REJECTED; by our own keys as Operator
//  Again       | UNAVAILABLE, UPSTREAM_UNAVAILABLE
//  NewAddress  | ABORTED, STORE_REJECTED
//  Caller      | INVALID_ARGUMENT, STORE_REJECTED
//  Operator    | FAILED_PRECONDITION, STORE_REJECTED
//  Nobody      | INTERNAL, STORE_REJECTED
absl::Status StoreError(absl::string_view operation,
                        const HttpResponse& response,
                        StoreAccess access = StoreAccess::kPresigned);

}  // namespace lakefs::gateway
