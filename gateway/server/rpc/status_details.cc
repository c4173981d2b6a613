#include "gateway/server/rpc/status_details.h"

#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/excerpt.h"
#include "gateway/server/rpc/convert.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace lakefs::gateway {
namespace {

constexpr char kDomain[] = "lakefs.staging";

// For what is worth repeating although no upstream said when.
constexpr std::chrono::milliseconds kRetryDelay{1'000};

// What a status may take of a call's trailers, on the wire. Most clients take
// 8 KiB of trailers (gRPC's C core and Java, so Python, Ruby, C++); the rest is
// for gRPC's own and for what proxies add.
constexpr size_t kMostWireBytes = 7 << 10;
constexpr size_t kMostMessageCharacters = 512;
constexpr size_t kMostMessageWireBytes = 1'536;
constexpr size_t kMostViolationBytes = 2 << 10;

// Bytes of a character of grpc-message: printable ASCII goes as it is, all else
// as %XX.
size_t WireBytes(char c) { return c >= ' ' && c <= '~' && c != '%' ? 1 : 3; }
size_t WireBytes(absl::string_view message) {
  size_t bytes = 0;
  for (const char c : message) bytes += WireBytes(c);
  return bytes;
}

// The front of the message that fits, cut between two characters.
std::string Fitting(absl::string_view message) {
  size_t end = 0;
  for (size_t wire = 0; end < message.size(); ++end) {
    wire += WireBytes(message[end]);
    if (wire > kMostMessageWireBytes) break;
  }
  const auto continues = [&](size_t i) {
    return i < message.size() &&
           (static_cast<uint8_t>(message[i]) & 0xC0) == 0x80;
  };
  while (end > 0 && continues(end)) --end;
  return std::string(message.substr(0, end));
}

// The message, and the details as base64.
size_t WireBytes(const google::rpc::Status& status) {
  return WireBytes(status.message()) + (status.ByteSizeLong() + 2) / 3 * 4;
}

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

google::rpc::BadRequest BadRequestOf(
    const std::vector<FieldViolation>& violations) {
  google::rpc::BadRequest bad;
  for (const FieldViolation& violation : violations) {
    if (bad.ByteSizeLong() > kMostViolationBytes) break;
    auto& field = *bad.add_field_violations();
    field.set_field(violation.field);
    field.set_description(violation.description);
  }
  return bad;
}

// All that a status tells.
struct Told {
  const absl::Status& status;
  const ErrorDetails& details;
  bool repeat = false;
  std::optional<pb::UploadFailure> failure = {};
  std::optional<pb::StagingLocation> location = {};
  bool names = true;  // what is wrong or missing, by name

  google::rpc::Status ToProto() const;
};

google::rpc::Status Told::ToProto() const {
  google::rpc::Status out;
  out.set_code(static_cast<int>(status.code()));
  // Statuses that others made go through here too.
  out.set_message(Fitting(Excerpt(status.message(), kMostMessageCharacters)));
  google::rpc::ErrorInfo info;
  info.set_reason(std::string(ReasonName(details.reason)));
  info.set_domain(kDomain);
  info.mutable_metadata()->insert(details.metadata.begin(),
                                  details.metadata.end());
  out.add_details()->PackFrom(info);
  if (details.retry_after || repeat) {
    AddRetryInfo(details.retry_after.value_or(kRetryDelay), out);
  }
  if (names && !details.violations.empty()) {
    out.add_details()->PackFrom(BadRequestOf(details.violations));
  }
  if (names && !details.resource_type.empty()) {
    google::rpc::ResourceInfo resource;
    resource.set_resource_type(details.resource_type);
    resource.set_resource_name(details.resource_name);
    out.add_details()->PackFrom(resource);
  }
  if (failure) out.add_details()->PackFrom(*failure);
  if (location) out.add_details()->PackFrom(*location);
  return out;
}

// What does not fit is left out, beginning with what is had elsewhere: an error
// that its caller cannot read would be told as another one.
grpc::Status ToGrpc(Told told) {
  const std::function<void()> cuts[] = {
      [&] {
        if (told.failure && told.failure->has_object()) {
          told.failure->mutable_object()->clear_user_metadata();
        }
      },
      [&] {
        if (told.location) told.location->clear_presigned_url();
      },
      [&] {
        if (told.failure) told.failure->clear_object();
      },
      [&] { told.location.reset(); },
      [&] { told.names = false; },
  };
  google::rpc::Status out = told.ToProto();
  for (const auto& cut : cuts) {
    if (WireBytes(out) <= kMostWireBytes) break;
    cut();
    out = told.ToProto();
  }
  return {static_cast<grpc::StatusCode>(out.code()), out.message(),
          out.SerializeAsString()};
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
  const ErrorDetails details = DetailsOf(status);
  return ToGrpc({status, details, WorthRepeating(status)});
}

grpc::Status ToGrpcStatus(const LinkReport& report, int attempts) {
  if (report.status.ok()) return grpc::Status::OK;
  ErrorDetails details = DetailsOf(report.status);
  details.metadata["rounds"] = absl::StrCat(report.rounds);
  details.metadata["attempts"] = absl::StrCat(attempts);
  const bool repeat =
      WorthRepeating(report.status) || AdviceFor(report) == Advice::kRetryCall;
  Told told{report.status, details, repeat, FailureOf(report, attempts)};
  if (report.try_here) told.location = ToProto(*report.try_here);
  return ToGrpc(std::move(told));
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
