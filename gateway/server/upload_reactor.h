// One UploadAndLink on gRPC's callback API.
#pragma once

#include <grpcpp/support/server_callback.h>

#include "gateway/server/call_runner.h"
#include "gateway/server/upload_stream.h"
#include "gateway/staging/upload_session.h"
#include "lakefs/staging/v1/staging.pb.h"

namespace lakefs::gateway {

// Reads the header, then runs the upload on a thread of the pool while gRPC's
// own threads fill its stream. A stream that sends nothing holds no thread
// until its header has come.
//
// Owns itself: gRPC's OnDone, the last thing to happen, deletes it.
class UploadReactor final : public grpc::ServerBidiReactor<
                                ::lakefs::staging::v1::UploadAndLinkRequest,
                                ::lakefs::staging::v1::UploadAndLinkResponse> {
 public:
  UploadReactor(CallContext context, UploadSession& session, WorkerPool& pool);

  void OnReadDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  void Begin();
  void Run(const UploadRequest& request);
  void Refuse(const absl::Status& status);

  const CallContext context_;
  const TimePoint start_;
  UploadSession& session_;
  WorkerPool& pool_;
  ::lakefs::staging::v1::UploadAndLinkRequest message_;  // being read
  ::lakefs::staging::v1::UploadAndLinkResponse response_;
  bool begun_ = false;  // the header has come
  bool over_ = false;   // refused; both are for gRPC's reads, one at a time
  UploadStream stream_;
};

}  // namespace lakefs::gateway
