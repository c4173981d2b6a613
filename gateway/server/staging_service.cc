#include "gateway/server/staging_service.h"

#include <functional>
#include <utility>

#include "absl/random/random.h"
#include "gateway/base/error.h"
#include "gateway/server/convert.h"
#include "gateway/server/status_details.h"
#include "gateway/server/upload_reactor.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// One unary call: runs `work` on the pool, ends with its status, and then
// deletes itself.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<grpc::Status(const CallContext&)>;

  UnaryCall(CallContext context, WorkerPool& pool, Work work)
      : context_(std::move(context)), work_(std::move(work)) {
    if (!pool.TryRun([this] { Finish(work_(context_)); })) {
      Finish(ToGrpcStatus(MakeError(absl::StatusCode::kResourceExhausted,
                                    "too many calls wait for lakeFS",
                                    Reason::kTooManyUploads)));
    }
  }

  void OnCancel() override { context_.Cancel(); }
  void OnDone() override { delete this; }

 private:
  const CallContext context_;
  const Work work_;
};

// The one chunk of an UploadObject. It is in memory already, and so needs no
// grant.
class MessageSource final : public BodySource {
 public:
  explicit MessageSource(const pb::UploadObjectRequest& request)
      : request_(request) {}

  void Grant(int64_t) override {}
  void Withdraw() override {}
  bool CanRewind() const override { return false; }
  void Rewind(int64_t) override {}

  absl::StatusOr<BodyEvent> Next(const CallContext&, TimePoint) override {
    if (!std::exchange(sent_, true) && !request_.data().empty()) {
      return Chunk{.write_offset = 0, .data = request_.data()};
    }
    Finish finish{.size_bytes = static_cast<int64_t>(request_.data().size())};
    if (request_.has_crc32c()) finish.crc32c = request_.crc32c();
    return finish;
  }

 private:
  const pb::UploadObjectRequest& request_;
  bool sent_ = false;
};

grpc::Status FinishLink(const CallContext& context, absl::string_view method,
                        TimePoint start, LinkReport report,
                        const ObjectPath& object) {
  LogCall(context, method, start, report.status, &report);
  return ToGrpcStatus(NameResource(std::move(report), object),
                      context.attempts());
}

}  // namespace

StagingService::StagingService(ServiceDependencies dependencies)
    : deps_(dependencies) {}

grpc::ServerUnaryReactor* StagingService::GetPhysicalAddress(
    grpc::CallbackServerContext* context,
    const pb::GetPhysicalAddressRequest* request,
    pb::GetPhysicalAddressResponse* response) {
  const auto work = [this, request, response](const CallContext& call) {
    const TimePoint start = call.clock().Now();
    const ObjectPath object = FromProto(request->object());
    absl::Status status = InvalidRequest(Violations(object, "object."));
    if (status.ok()) {
      absl::InsecureBitGen random;
      const auto location = Repeat(call, deps_.lakefs_budget, random, [&] {
        return deps_.lakefs.GetPhysicalAddress(call, object,
                                               request->presign());
      });
      status = location.status();
      if (location.ok()) *response->mutable_location() = ToProto(*location);
    }
    LogCall(call, "GetPhysicalAddress", start, status);
    return ToGrpcStatus(NameResource(status, object));
  };
  return new UnaryCall(
      NewCallContext(*context, deps_.clock, deps_.calls.unary_timeout),
      deps_.unary_pool, work);
}

grpc::ServerUnaryReactor* StagingService::LinkPhysicalAddress(
    grpc::CallbackServerContext* context,
    const pb::LinkPhysicalAddressRequest* request,
    pb::LinkPhysicalAddressResponse* response) {
  const auto work = [this, request, response](const CallContext& call) {
    const TimePoint start = call.clock().Now();
    const ObjectPath object = FromProto(request->object());
    const StagingMetadata metadata = FromProto(request->metadata());
    std::vector<FieldViolation> violations = Violations(object, "object.");
    for (FieldViolation& violation : Violations(metadata)) {
      violations.push_back(std::move(violation));
    }
    LinkReport report = NotCommitted(InvalidRequest(std::move(violations)));
    if (report.status.ok()) {
      absl::InsecureBitGen random;
      report = deps_.linker.Link(call, object, metadata, request->if_absent(),
                                 random);
    }
    if (report.status.ok()) {
      *response->mutable_object() = ToProto(*report.object);
      response->set_outcome(ToProto(report.outcome));
    }
    return FinishLink(call, "LinkPhysicalAddress", start, std::move(report),
                      object);
  };
  return new UnaryCall(
      NewCallContext(*context, deps_.clock, deps_.calls.unary_timeout),
      deps_.unary_pool, work);
}

grpc::ServerUnaryReactor* StagingService::UploadObject(
    grpc::CallbackServerContext* context,
    const pb::UploadObjectRequest* request,
    pb::UploadObjectResponse* response) {
  const auto work = [this, request, response](const CallContext& call) {
    const TimePoint start = call.clock().Now();
    UploadRequest upload = FromProto(request->header());
    const auto size = static_cast<int64_t>(request->data().size());
    if (!upload.size_bytes) upload.size_bytes = size;
    MessageSource source(*request);
    UploadProgress progress;
    absl::InsecureBitGen random;
    UploadReport report =
        deps_.uploads.Run(call, upload, source, progress, random);
    if (report.link.status.ok()) *response->mutable_result() = ToProto(report);
    return FinishLink(call, "UploadObject", start, std::move(report.link),
                      upload.object);
  };
  return new UnaryCall(
      NewCallContext(*context, deps_.clock, deps_.calls.unary_timeout),
      deps_.unary_pool, work);
}

grpc::ServerBidiReactor<pb::UploadAndLinkRequest, pb::UploadAndLinkResponse>*
StagingService::UploadAndLink(grpc::CallbackServerContext* context) {
  return new UploadReactor(
      NewCallContext(*context, deps_.clock, deps_.calls.upload_timeout),
      deps_.uploads, deps_.upload_pool);
}

}  // namespace lakefs::gateway
