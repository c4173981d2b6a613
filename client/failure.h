// What is known about a call that failed.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace grpc {
class Status;
}

namespace lakefs::staging {

// Reasons that this library gives, beside those of the gateway (README,
// "Errors"). Their domain is `lakefs.staging.client`.
inline constexpr absl::string_view kInvalidRequest = "INVALID_REQUEST";
inline constexpr absl::string_view kSourceUnreadable = "SOURCE_UNREADABLE";
inline constexpr absl::string_view kSourceChanged = "SOURCE_CHANGED";
inline constexpr absl::string_view kGatewayUnreachable = "GATEWAY_UNREACHABLE";
inline constexpr absl::string_view kGatewayConnectionLost =
    "GATEWAY_CONNECTION_LOST";
inline constexpr absl::string_view kNotAGateway = "NOT_A_GATEWAY";
inline constexpr absl::string_view kBadReply = "BAD_REPLY";
inline constexpr absl::string_view kDeadlineExceeded = "DEADLINE_EXCEEDED";
inline constexpr absl::string_view kCancelled = "CANCELLED";
inline constexpr absl::string_view kSizeMismatch = "SIZE_MISMATCH";

// Whose reasons they are.
inline constexpr absl::string_view kClientDomain = "lakefs.staging.client";
inline constexpr absl::string_view kGatewayDomain = "lakefs.staging";

// One thing that is wrong with a request (google.rpc.BadRequest).
struct FieldViolation {
  std::string field;        // path in the proto, such as "header.object.path"
  std::string description;  // what is wrong with it
};

// A failed call, taken apart. Every call of this library that fails returns an
// absl::Status that FailureOf() can read.
struct Failure {
  absl::StatusCode code = absl::StatusCode::kUnknown;
  std::string message;

  // google.rpc.ErrorInfo: the cause, for programs to match on; empty if the
  // answer came from something that is no gateway.
  std::string reason;
  std::string domain;
  std::map<std::string, std::string> metadata;

  // UploadFailure: OUTCOME_UNSPECIFIED and ADVICE_UNSPECIFIED for calls that
  // change nothing.
  v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED;
  v1::UploadFailure::Advice advice = v1::UploadFailure::ADVICE_UNSPECIFIED;
  std::optional<v1::ObjectStats> object;  // what stands in the way

  // google.rpc.BadRequest.
  std::vector<FieldViolation> violations;

  // google.rpc.RetryInfo: how long to wait before the same call again.
  std::optional<absl::Duration> retry_after;

  // google.rpc.ResourceInfo: what is missing, such as "repository".
  std::string resource_type;
  std::string resource_name;

  // Of an upload: how many calls of the gateway were made, and its request id;
  // 0 and empty if there is none.
  int attempts = 0;
  std::string request_id;

  // Whether making the call again can help.
  bool retryable() const {
    return advice == v1::UploadFailure::ADVICE_RETRY_CALL ||
           advice == v1::UploadFailure::ADVICE_RESTART;
  }
  // Whether it is certain that nothing was linked.
  bool nothing_linked() const { return outcome == v1::OUTCOME_NOT_COMMITTED; }

  // The reason, the message, and what else is to be known, in one line. It has
  // no secrets.
  std::string Text() const;
};

// What `status`, an error of this library, carries.
Failure FailureOf(const absl::Status& status);

// An error of this library's own. `outcome` is of the upload or link, if the
// call is one.
absl::Status MakeFailure(
    absl::StatusCode code, absl::string_view reason, absl::string_view message,
    v1::Outcome outcome = v1::OUTCOME_UNSPECIFIED,
    v1::UploadFailure::Advice advice = v1::UploadFailure::ADVICE_UNSPECIFIED);

// The same error with another outcome; and with this advice, if it has none.
absl::Status WithOutcome(
    const absl::Status& status, v1::Outcome outcome,
    v1::UploadFailure::Advice advice = v1::UploadFailure::ADVICE_UNSPECIFIED);

// The same error of an upload for which so many calls were made.
absl::Status WithAttempts(absl::Status status, int attempts,
                          absl::string_view request_id);

// The error of an upload of which GetUploadOutcome tells afterwards.
absl::Status ToldLater(const v1::GetUploadOutcomeResponse& answer);

// The error of a source with other than the bytes that it was said to have.
absl::Status SizeMismatch(int64_t told, int64_t found);

// The error of a gateway that ended a call well, and sent no result.
absl::Status NoResult(absl::string_view address, v1::Outcome outcome);

// The error that a call ended with: the gateway's own words and details, or,
// where the answer carries none (a lost connection, a deadline, a server that
// is no gateway), what can be said without them. `address` is the gateway's;
// `outcome` is what holds if the gateway tells none.
absl::Status FromGrpc(const grpc::Status& status, absl::string_view address,
                      v1::Outcome outcome);

}  // namespace lakefs::staging
