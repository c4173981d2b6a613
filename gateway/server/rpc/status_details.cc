#include "gateway/server/rpc/status_details.h"

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/server/rpc/convert.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lakefs::gateway {
namespace {

constexpr char kDomain[] = "lakefs.staging";

// For what is worth repeating although no upstream said when.
constexpr std::chrono::milliseconds kRetryDelay{1'000};

bool WorthRepeating(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsResourceExhausted(status);
}

void AddRetryInfo(std::chrono::milliseconds delay, google::rpc::Status& out) {
  google::rpc::RetryInfo info;
  const auto whole = std::chrono::floor<std::chrono::seconds>(delay);
  info.mutable_retry_delay()->set_seconds(whole.count());
  info.mutable_retry_delay()->set_nanos(
      static_cast<int32_t>(std::chrono::nanoseconds(delay - whole).count()));
  out.add_details()->PackFrom(info);
}

google::rpc::Status Describe(const absl::Status& status,
                             const ErrorDetails& details, bool repeat) {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  out.set_message(std::string(status.message()));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(details.reason)));
  info.set_domain(kDomain);
  info.mutable_metadata()->insert(details.metadata.begin(),
                                  details.metadata.end());
  out.add_details()->PackFrom(info);
  if (details.retry_after || repeat) {
    AddRetryInfo(details.retry_after.value_or(kRetryDelay), out);
  }
  if (!details.violations.empty()) {
    google::rpc::BadRequest bad;
    for (const FieldViolation& violation : details.violations) {
      auto& field = *bad.add_field_violations();
      field.set_field(violation.field);
      field.set_description(violation.description);
    }
    out.add_details()->PackFrom(bad);
  }
  if (!details.resource_type.empty()) {
    google::rpc::ResourceInfo resource;
    resource.set_resource_type(details.resource_type);
    resource.set_resource_name(details.resource_name);
    out.add_details()->PackFrom(resource);
  }
  return out;
}

grpc::Status ToGrpc(const google::rpc::Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), status.message(),
          status.SerializeAsString()};
}

pb::UploadFailure::Advice ToProto(Advice advice) {
  switch (advice) {
    case Advice::kRetryCall:
      return pb::UploadFailure::ADVICE_RETRY_CALL;
    case Advice::kRestart:
      return pb::UploadFailure::ADVICE_RESTART;
    case Advice::kFixRequest:
      return pb::UploadFailure::ADVICE_FIX_REQUEST;
    case Advice::kGiveUp:
      return pb::UploadFailure::ADVICE_GIVE_UP;
  }
  return pb::UploadFailure::ADVICE_UNSPECIFIED;
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return ToGrpc(Describe(status, DetailsOf(status), WorthRepeating(status)));
}

grpc::Status ToGrpcStatus(const LinkReport& report, int attempts) {
  if (report.status.ok()) return grpc::Status::OK;
  ErrorDetails details = DetailsOf(report.status);
  details.metadata["rounds"] = absl::StrCat(report.rounds);
  details.metadata["attempts"] = absl::StrCat(attempts);
  google::rpc::Status out = Describe(
      report.status, details,
      WorthRepeating(report.status) || AdviceFor(report) == Advice::kRetryCall);
  out.add_details()->PackFrom(FailureOf(report, attempts));
  if (report.try_here) out.add_details()->PackFrom(ToProto(*report.try_here));
  return ToGrpc(out);
}

pb::UploadFailure FailureOf(const LinkReport& report, int attempts) {
  pb::UploadFailure failure;
  failure.set_outcome(gateway::ToProto(report.outcome));
  failure.set_advice(ToProto(AdviceFor(report)));
  if (report.object) *failure.mutable_object() = ToProto(*report.object);
  failure.set_rounds(report.rounds);
  failure.set_attempts(attempts);
  return failure;
}

absl::Status NameResource(const absl::Status& status,
                          const ObjectPath& object) {
  ErrorDetails details = DetailsOf(status);
  if (details.resource_type.empty()) return status;
  details.resource_name = object.repository;
  if (details.resource_type != "repository") {
    absl::StrAppend(&details.resource_name, "/", object.branch);
  }
  if (details.resource_type == "object") {
    absl::StrAppend(&details.resource_name, "/", object.path);
  }
  const std::string message =
      absl::StrCat(details.resource_type, " ", details.resource_name,
                   " was not found: ", status.message());
  return MakeError(status.code(), message, details);
}

}  // namespace lakefs::gateway
