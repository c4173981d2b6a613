// One UploadAndLink on gRPC's callback API.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <atomic>
#include <memory>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/server/rpc/call_runner.h"
#include "gateway/server/rpc/progress_news.h"
#include "gateway/server/rpc/upload_places.h"
#include "gateway/server/rpc/upload_stream.h"
#include "gateway/staging/upload/upload_session.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// Reads the header, then runs the upload on a thread of the pool while gRPC's
// own threads fill its stream. A stream that sends nothing holds no thread
// until its header has come, and is ended if that takes half a minute.
//
// Messages to the caller go one at a time; of progress and of checkpoints only
// the latest waits.
//
// Owns itself: the last of OnDone and the alarm deletes it.
class UploadReactor final : public grpc::ServerBidiReactor<
                                ::lakefs::staging::v1::UploadAndLinkRequest,
                                ::lakefs::staging::v1::UploadAndLinkResponse> {
 public:
  UploadReactor(std::unique_ptr<Call> call, UploadSession& session,
                UploadPlaces& places);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Response = ::lakefs::staging::v1::UploadAndLinkResponse;

  void Begin();
  void Run(const UploadRequest& request);
  void Refuse(const absl::Status& status);
  void SendRewind(int64_t offset);
  void AwaitCheckpoint();
  bool SendCheckpoint(std::string token, int64_t offset);
  void End(const grpc::Status& status);
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Tick(bool ok);
  void SetAlarm(Duration span) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Wake();
  void LetGo();

  const std::unique_ptr<Call> call_;
  const CallContext& context_;  // of the call
  UploadSession& session_;
  UploadPlaces& places_;
  ::lakefs::staging::v1::UploadAndLinkRequest message_;  // being read
  // Whether it is settled what becomes of the header: it has come, or was
  // waited for in vain.
  std::atomic<bool> begun_{false};
  std::atomic<bool> over_{false};  // refused
  UploadStream stream_;
  UploadProgress progress_;

  absl::Mutex mu_;
  Response response_ ABSL_GUARDED_BY(mu_);  // being written
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<int64_t> rewind_ ABSL_GUARDED_BY(mu_);
  std::optional<::lakefs::staging::v1::UploadCheckpoint> checkpoint_
      ABSL_GUARDED_BY(mu_);
  // Whether the caller itself has ended the call, or is lost.
  bool caller_gone_ ABSL_GUARDED_BY(mu_) = false;
  ProgressNews news_ ABSL_GUARDED_BY(mu_){progress_};
  bool ticks_ ABSL_GUARDED_BY(mu_) = false;  // progress is wanted
  std::optional<::lakefs::staging::v1::UploadProgress> progress_waits_
      ABSL_GUARDED_BY(mu_);
  std::optional<Response> result_ ABSL_GUARDED_BY(mu_);
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mu_);  // the end
  int holds_ ABSL_GUARDED_BY(mu_) = 2;  // gRPC's and the alarm's
  grpc::Alarm alarm_;                   // for the header, then for progress
  const CancelHook wake_;  // whoever cancels the call, its stream ends
};

}  // namespace lakefs::gateway
