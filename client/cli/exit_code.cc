#include "client/cli/exit_code.h"

namespace lakefs::staging {
namespace {

bool IsDataIntegrity(const Failure& failure) {
  return failure.code == absl::StatusCode::kDataLoss ||
         failure.reason == "CHECKSUM_MISMATCH" ||
         failure.reason == "SIZE_MISMATCH" || failure.reason == kSourceChanged;
}

ExitCode ByCode(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kOutOfRange:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnimplemented:
      return ExitCode::kBadRequest;
    case absl::StatusCode::kNotFound:
      return ExitCode::kNotFound;
    case absl::StatusCode::kAlreadyExists:
      return ExitCode::kAlreadyExists;
    case absl::StatusCode::kUnauthenticated:
    case absl::StatusCode::kPermissionDenied:
      return ExitCode::kNotPermitted;
    case absl::StatusCode::kAborted:
      return ExitCode::kStartOver;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kCancelled:
      return ExitCode::kTryAgain;
    default:
      return ExitCode::kInternal;
  }
}

}  // namespace

ExitCode ExitCodeOf(const Failure& failure) {
  if (failure.outcome == v1::OUTCOME_UNKNOWN) return ExitCode::kOutcomeUnknown;
  if (IsDataIntegrity(failure)) return ExitCode::kDataIntegrity;
  // An expired address is a FAILED_PRECONDITION, but a new upload gets another.
  if (failure.advice == v1::UploadFailure::ADVICE_RESTART) {
    return ExitCode::kStartOver;
  }
  return ByCode(failure.code);
}

const absl::string_view kExitCodeHelp =
    R"(Exit codes:
    0  done
    1  internal error
    2  wrong usage or bad request: change it first
    3  not found: the file, the repository, the branch or the --request-id
    4  an object already exists at the path (--if-absent)
    5  credentials or permission
    6  a conflict, or another object than --if-match: start over
    7  unavailable, throttled or out of time: try again
    8  data integrity: the bytes are not what they should be; nothing was linked
    9  outcome unknown: look at the path, or repeat with the same --request-id
  130  interrupted (143 by SIGTERM)
)";

}  // namespace lakefs::staging
