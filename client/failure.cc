#include "client/failure.h"

#include <grpcpp/support/status.h>

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lakefs::staging {
namespace {

using Advice = v1::UploadFailure;

// Under this URL the status keeps the `google.rpc.Status` as it came.
constexpr char kDetailsUrl[] = "type.googleapis.com/google.rpc.Status";
constexpr char kAttemptsUrl[] = "lakefs.staging.client/attempts";
constexpr char kRequestIdUrl[] = "lakefs.staging.client/request_id";

void Take(const google::rpc::ErrorInfo& info, Failure& failure) {
  failure.reason = info.reason();
  failure.domain = info.domain();
  failure.metadata.insert(info.metadata().begin(), info.metadata().end());
}

void Take(const v1::UploadFailure& upload, Failure& failure) {
  failure.outcome = upload.outcome();
  failure.advice = upload.advice();
  if (upload.has_object()) failure.object = upload.object();
}

void Take(const google::rpc::BadRequest& bad, Failure& failure) {
  for (const auto& violation : bad.field_violations()) {
    failure.violations.push_back({violation.field(), violation.description()});
  }
}

void Take(const google::rpc::RetryInfo& retry, Failure& failure) {
  failure.retry_after = absl::Seconds(retry.retry_delay().seconds()) +
                        absl::Nanoseconds(retry.retry_delay().nanos());
}

void Take(const google::rpc::ResourceInfo& resource, Failure& failure) {
  failure.resource_type = resource.resource_type();
  failure.resource_name = resource.resource_name();
}

template <typename Message>
bool TakeIf(const google::protobuf::Any& any, Failure& failure) {
  Message message;
  if (!any.Is<Message>() || !any.UnpackTo(&message)) return false;
  Take(message, failure);
  return true;
}

absl::Status WithDetails(absl::StatusCode code, absl::string_view message,
                         const google::rpc::Status& details) {
  absl::Status status(code, message);
  status.SetPayload(kDetailsUrl, absl::Cord(details.SerializeAsString()));
  return status;
}

// The code that a reason comes with, where it matters to callers.
absl::StatusCode CodeOf(absl::string_view reason) {
  constexpr std::pair<absl::string_view, absl::StatusCode> kCodes[] = {
      {kInvalidRequest, absl::StatusCode::kInvalidArgument},
      {"CHECKSUM_MISMATCH", absl::StatusCode::kInvalidArgument},
      {kSizeMismatch, absl::StatusCode::kInvalidArgument},
      {"NOT_FOUND", absl::StatusCode::kNotFound},
      {"PERMISSION_DENIED", absl::StatusCode::kPermissionDenied},
      {"CREDENTIALS_REJECTED", absl::StatusCode::kUnauthenticated},
      {"OBJECT_EXISTS", absl::StatusCode::kAlreadyExists},
      {"OBJECT_CHANGED", absl::StatusCode::kAborted},
      {"LINK_CONFLICT", absl::StatusCode::kAborted},
      {kSourceChanged, absl::StatusCode::kAborted},
      {kDeadlineExceeded, absl::StatusCode::kDeadlineExceeded},
      {kCancelled, absl::StatusCode::kCancelled},
  };
  for (const auto& [name, code] : kCodes) {
    if (name == reason) return code;
  }
  return absl::StatusCode::kUnknown;
}

// What to do after an error without details: as the gateway advises, also where
// the outcome is unknown.
Advice::Advice AdviceFor(v1::Outcome outcome) {
  return outcome == v1::OUTCOME_UNSPECIFIED ? Advice::ADVICE_UNSPECIFIED
                                            : Advice::ADVICE_RETRY_CALL;
}

}  // namespace

Failure FailureOf(const absl::Status& status) {
  Failure failure;
  failure.code = status.code();
  failure.message = std::string(status.message());
  if (const auto attempts = status.GetPayload(kAttemptsUrl)) {
    (void)absl::SimpleAtoi(std::string(*attempts), &failure.attempts);
  }
  if (const auto id = status.GetPayload(kRequestIdUrl)) {
    failure.request_id = std::string(*id);
  }
  google::rpc::Status details;
  const auto payload = status.GetPayload(kDetailsUrl);
  if (!payload || !details.ParseFromString(std::string(*payload))) {
    return failure;
  }
  for (const auto& any : details.details()) {
    TakeIf<google::rpc::ErrorInfo>(any, failure) ||
        TakeIf<v1::UploadFailure>(any, failure) ||
        TakeIf<google::rpc::BadRequest>(any, failure) ||
        TakeIf<google::rpc::RetryInfo>(any, failure) ||
        TakeIf<google::rpc::ResourceInfo>(any, failure);
  }
  return failure;
}

std::string Failure::Text() const {
  std::string text = absl::StrCat(reason, ": ", message);
  for (const FieldViolation& violation : violations) {
    absl::StrAppend(&text, "; ", violation.field, ": ", violation.description);
  }
  if (attempts > 1) absl::StrAppend(&text, " (", attempts, " attempts)");
  if (outcome != v1::OUTCOME_UNKNOWN) return text;
  return absl::StrCat(
      text, "; the object may have been linked: ",
      request_id.empty()
          ? "look at its path"
          : absl::StrCat("ask for the outcome of request id ", request_id));
}

absl::Status MakeFailure(absl::StatusCode code, absl::string_view reason,
                         absl::string_view message, v1::Outcome outcome,
                         v1::UploadFailure::Advice advice) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(reason));
  info.set_domain(std::string(kClientDomain));
  details.add_details()->PackFrom(info);
  if (outcome != v1::OUTCOME_UNSPECIFIED) {
    v1::UploadFailure upload;
    upload.set_outcome(outcome);
    upload.set_advice(advice);
    details.add_details()->PackFrom(upload);
  }
  return WithDetails(code, message, details);
}

absl::Status WithOutcome(const absl::Status& status, v1::Outcome outcome,
                         v1::UploadFailure::Advice advice) {
  google::rpc::Status details;
  if (const auto payload = status.GetPayload(kDetailsUrl)) {
    details.ParseFromString(std::string(*payload));
  }
  v1::UploadFailure upload;
  for (int i = 0; i < details.details_size(); ++i) {
    if (!details.details(i).UnpackTo(&upload)) continue;
    details.mutable_details()->DeleteSubrange(i, 1);
    break;
  }
  upload.set_outcome(outcome);
  if (upload.advice() == Advice::ADVICE_UNSPECIFIED) upload.set_advice(advice);
  details.add_details()->PackFrom(upload);
  return WithDetails(status.code(), status.message(), details);
}

absl::Status WithAttempts(absl::Status status, int attempts,
                          absl::string_view request_id) {
  status.SetPayload(kAttemptsUrl, absl::Cord(absl::StrCat(attempts)));
  if (!request_id.empty()) {
    status.SetPayload(kRequestIdUrl, absl::Cord(request_id));
  }
  return status;
}

absl::Status ToldLater(const v1::GetUploadOutcomeResponse& answer) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  info.set_reason(answer.failure_reason());
  info.set_domain(std::string(kGatewayDomain));
  details.add_details()->PackFrom(info);
  details.add_details()->PackFrom(answer.failure());
  return WithDetails(CodeOf(answer.failure_reason()), answer.failure_message(),
                     details);
}

absl::Status SizeMismatch(int64_t told, int64_t found) {
  return MakeFailure(
      absl::StatusCode::kInvalidArgument, kSizeMismatch,
      absl::StrCat("the source has ", found > told ? "more" : "fewer",
                   " bytes than the ", told, " that were told"),
      v1::OUTCOME_NOT_COMMITTED, Advice::ADVICE_FIX_REQUEST);
}

absl::Status NoResult(absl::string_view address, v1::Outcome outcome) {
  return MakeFailure(absl::StatusCode::kInternal, kBadReply,
                     absl::StrCat("the gateway at ", address,
                                  " ended the call without a result"),
                     outcome, Advice::ADVICE_GIVE_UP);
}

absl::Status FromGrpc(const grpc::Status& status, absl::string_view address,
                      v1::Outcome outcome) {
  const auto code = static_cast<absl::StatusCode>(status.error_code());
  google::rpc::Status details;
  if (details.ParseFromString(status.error_details())) {
    absl::Status told = WithDetails(code, status.error_message(), details);
    if (const Failure failure = FailureOf(told); !failure.reason.empty()) {
      const bool tells = failure.outcome != v1::OUTCOME_UNSPECIFIED ||
                         outcome == v1::OUTCOME_UNSPECIFIED;
      return tells ? told : WithOutcome(told, outcome);
    }
  }
  switch (code) {
    case absl::StatusCode::kUnavailable:
      return MakeFailure(code, kGatewayConnectionLost,
                         absl::StrCat("the connection to the gateway at ",
                                      address, " was lost"),
                         outcome, AdviceFor(outcome));
    case absl::StatusCode::kCancelled:
      return MakeFailure(code, kCancelled, "the call was cancelled", outcome,
                         AdviceFor(outcome));
    case absl::StatusCode::kDeadlineExceeded:
      return MakeFailure(
          code, kDeadlineExceeded,
          absl::StrCat("the gateway at ", address, " did not finish in time"),
          outcome, AdviceFor(outcome));
    case absl::StatusCode::kUnimplemented:
      return MakeFailure(
          code, kNotAGateway,
          absl::StrCat("the server at ", address, " does not offer this call"),
          outcome == v1::OUTCOME_UNSPECIFIED ? outcome
                                             : v1::OUTCOME_NOT_COMMITTED,
          Advice::ADVICE_FIX_REQUEST);
    default:
      return MakeFailure(code, kBadReply,
                         absl::StrCat("the gateway at ", address,
                                      " answered: ", status.error_message()),
                         outcome, AdviceFor(outcome));
  }
}

}  // namespace lakefs::staging
