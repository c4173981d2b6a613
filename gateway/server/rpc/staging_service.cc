#include "gateway/server/rpc/staging_service.h"

#include <functional>
#include <utility>

#include "absl/random/random.h"
#include "gateway/base/error.h"
#include "gateway/process/descriptors.h"
#include "gateway/server/rpc/convert.h"
#include "gateway/server/rpc/object_message.h"
#include "gateway/server/rpc/status_details.h"
#include "gateway/server/rpc/upload_file_reactor.h"
#include "gateway/server/rpc/upload_many_reactor.h"
#include "gateway/server/rpc/upload_reactor.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// Connections to lakeFS and the store, and what their names are asked with.
constexpr int kDescriptorsOfACall = 4;

// One unary call: runs `work` on the pool, ends with its status, and then
// deletes itself.
class UnaryCall final : public grpc::ServerUnaryReactor {
 public:
  using Work = std::function<grpc::Status(Call&)>;

  UnaryCall(std::unique_ptr<Call> call, WorkerPool& pool, Work work)
      : call_(std::move(call)), work_(std::move(work)) {
    RunOn(pool);
  }

  // The same for a message of so many bytes, if there is room for it.
  UnaryCall(std::unique_ptr<Call> call, WorkerPool& pool, Work work,
            MessageRoom& room, int64_t bytes)
      : call_(std::move(call)), work_(std::move(work)) {
    if (room.TryTake(bytes)) {
      room_ = &room;
      bytes_ = bytes;
      RunOn(pool);
    } else {
      Refuse(
          "the messages of UploadObject calls may have at most half of "
          "--memory-bytes together");
    }
  }
  ~UnaryCall() override {
    if (room_ != nullptr) room_->GiveBack(bytes_);
  }

  void OnCancel() override { call_->context().Cancel(); }
  void OnDone() override { delete this; }

 private:
  void RunOn(WorkerPool& pool) {
    if (!HasDescriptors(kDescriptorsOfACall)) {
      Refuse(NoDescriptorLeft());
    } else if (!pool.TryRun([this] { Finish(work_(*call_)); })) {
      Refuse("too many calls wait for lakeFS");
    }
  }
  void Refuse(absl::string_view why) {
    Finish(call_->End(MakeError(absl::StatusCode::kResourceExhausted, why,
                                Reason::kTooManyUploads),
                      ObjectPath()));
  }

  const std::unique_ptr<Call> call_;
  const Work work_;
  MessageRoom* room_ = nullptr;  // of which it has taken `bytes_`
  int64_t bytes_ = 0;
};

void Answer(const KnownUpload& upload, pb::GetUploadOutcomeResponse& response) {
  if (upload.running) {
    response.set_outcome(pb::OUTCOME_UNKNOWN);
    response.set_in_progress(true);
    return;
  }
  const LinkReport& link = upload.report.link;
  response.set_outcome(ToProto(link.outcome));
  if (link.status.ok()) {
    *response.mutable_result() = ToProto(upload.report);
    return;
  }
  *response.mutable_failure() = FailureOf(link, upload.report.attempts);
  response.set_failure_reason(std::string(ReasonName(ReasonOf(link.status))));
  response.set_failure_message(std::string(link.status.message()));
}

// OK if there are no violations and the call is admitted.
absl::Status Check(std::vector<FieldViolation> violations, const Call& call,
                   const ObjectPath& object) {
  if (auto s = InvalidRequest(std::move(violations)); !s.ok()) return s;
  return call.Admit(object);
}

}  // namespace

StagingService::StagingService(ServiceDependencies dependencies,
                               std::optional<SocketPeer> peer)
    : deps_(dependencies), peer_(peer) {}

grpc::ServerUnaryReactor* StagingService::GetPhysicalAddress(
    grpc::CallbackServerContext* context,
    const pb::GetPhysicalAddressRequest* request,
    pb::GetPhysicalAddressResponse* response) {
  const auto work = [this, request, response](Call& call) {
    const ObjectPath object = FromProto(request->object());
    absl::Status status = Check(Violations(object, "object."), call, object);
    if (status.ok()) {
      absl::InsecureBitGen random;
      const auto location =
          Repeat(call.context(), deps_.lakefs_budget, random, [&] {
            return deps_.lakefs.GetPhysicalAddress(call.context(), object,
                                                   request->presign());
          });
      status = location.status();
      if (location.ok()) *response->mutable_location() = ToProto(*location);
    }
    return call.End(status, object);
  };
  return new UnaryCall(deps_.calls.Begin(*context, "GetPhysicalAddress", peer_),
                       deps_.unary_pool, work);
}

grpc::ServerUnaryReactor* StagingService::LinkPhysicalAddress(
    grpc::CallbackServerContext* context,
    const pb::LinkPhysicalAddressRequest* request,
    pb::LinkPhysicalAddressResponse* response) {
  const auto work = [this, request, response](Call& call) {
    const ObjectPath object = FromProto(request->object());
    const StagingMetadata metadata = FromProto(request->metadata());
    std::vector<FieldViolation> violations = Violations(object, "object.");
    for (FieldViolation& violation : Violations(metadata)) {
      violations.push_back(std::move(violation));
    }
    WriteCondition condition{.if_absent = request->if_absent()};
    if (request->has_if_match()) condition.if_match = request->if_match();
    for (FieldViolation& violation : Violations(condition, "")) {
      violations.push_back(std::move(violation));
    }
    LinkReport report =
        NotCommitted(Check(std::move(violations), call, object));
    if (report.status.ok()) {
      absl::InsecureBitGen random;
      report = deps_.linker.Link(call.context(), object, metadata, condition,
                                 random);
    }
    if (report.status.ok()) {
      *response->mutable_object() = ToProto(*report.object);
      response->set_outcome(ToProto(report.outcome));
    }
    return call.End(std::move(report), object);
  };
  return new UnaryCall(
      deps_.calls.Begin(*context, "LinkPhysicalAddress", peer_),
      deps_.unary_pool, work);
}

grpc::ServerUnaryReactor* StagingService::UploadObject(
    grpc::CallbackServerContext* context,
    const pb::UploadObjectRequest* request,
    pb::UploadObjectResponse* response) {
  const auto work = [this, request, response](Call& call) {
    const size_t size = request->data().size();
    const UploadRequest upload = ObjectRequest(request->header(), size);
    if (auto s = Check(ObjectViolations(upload, size), call, upload.object);
        !s.ok()) {
      return call.End(NotCommitted(s), upload.object);
    }
    call.IsAbout(upload.request_id);
    call.Received(size);
    MessageSource source(static_cast<int64_t>(size), Crc32cOf(*request),
                         [request] { return request->data(); });
    UploadProgress progress;
    absl::InsecureBitGen random;
    UploadReport report =
        deps_.uploads.Run(call.context(), upload, source, progress, random);
    if (report.link.status.ok()) *response->mutable_result() = ToProto(report);
    return call.End(report, upload.object);
  };
  return new UnaryCall(deps_.calls.Begin(*context, "UploadObject", peer_),
                       deps_.unary_pool, work, deps_.message_room,
                       static_cast<int64_t>(request->data().size()));
}

grpc::ServerBidiReactor<pb::UploadAndLinkRequest, pb::UploadAndLinkResponse>*
StagingService::UploadAndLink(grpc::CallbackServerContext* context) {
  return new UploadReactor(deps_.calls.Begin(*context, "UploadAndLink", peer_),
                           deps_.uploads, deps_.upload_places);
}

grpc::ServerWriteReactor<pb::UploadAndLinkResponse>* StagingService::UploadFile(
    grpc::CallbackServerContext* context,
    const pb::UploadFileRequest* request) {
  return new UploadFileReactor(deps_.calls.Begin(*context, "UploadFile", peer_),
                               *request, deps_.uploads, deps_.upload_places,
                               deps_.shared_folders);
}

grpc::ServerBidiReactor<pb::UploadManyRequest, pb::UploadManyResponse>*
StagingService::UploadMany(grpc::CallbackServerContext* context) {
  return new UploadManyReactor(deps_.calls.Begin(*context, "UploadMany", peer_),
                               {.uploads = deps_.uploads,
                                .memory = deps_.memory,
                                .message_room = deps_.message_room,
                                .pool = deps_.many_pool,
                                .calls = deps_.calls});
}

grpc::ServerUnaryReactor* StagingService::GetUploadOutcome(
    grpc::CallbackServerContext* context,
    const pb::GetUploadOutcomeRequest* request,
    pb::GetUploadOutcomeResponse* response) {
  const auto work = [this, request, response](Call& call) {
    std::optional<ObjectPath> object;
    if (request->has_object()) object = FromProto(request->object());
    absl::Status status =
        InvalidRequest(Violations(request->request_id(), object));
    // Who may not write there may not ask either.
    if (status.ok()) {
      call.IsAbout(request->request_id());
      status = object ? call.Admit(*object) : call.AdmitCaller();
    }
    if (status.ok()) {
      absl::InsecureBitGen random;
      const auto upload = deps_.uploads.Find(
          call.context(), request->request_id(), object,
          [&call](const ObjectPath& known) { return call.Admit(known); },
          random);
      status = upload.status();
      if (status.ok()) Answer(*upload, *response);
    }
    return call.End(status, object.value_or(ObjectPath()));
  };
  return new UnaryCall(deps_.calls.Begin(*context, "GetUploadOutcome", peer_),
                       deps_.unary_pool, work);
}

grpc::ServerUnaryReactor* StagingService::DiscardUpload(
    grpc::CallbackServerContext* context,
    const pb::DiscardUploadRequest* request, pb::DiscardUploadResponse*) {
  const auto work = [this, request](Call& call) {
    absl::Status status =
        InvalidRequest(TokenViolations(request->resume_token()));
    if (status.ok()) status = call.AdmitCaller();
    if (status.ok()) {
      absl::InsecureBitGen random;
      status = deps_.uploads.Discard(
          call.context(), request->resume_token(), call.CallerName(),
          [&call](const ObjectPath& object) { return call.Admit(object); },
          random);
    }
    return call.End(status, ObjectPath());
  };
  return new UnaryCall(deps_.calls.Begin(*context, "DiscardUpload", peer_),
                       deps_.unary_pool, work);
}

}  // namespace lakefs::gateway
