// One UploadFile on gRPC's callback API.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/server/rpc/call_runner.h"
#include "gateway/server/rpc/progress_news.h"
#include "gateway/server/rpc/upload_places.h"
#include "gateway/staging/intake/shared_file.h"
#include "gateway/staging/upload/upload_session.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// Opens the file and runs the upload on a thread of the pool: to open one may
// take its time.
//
// Messages to the caller go one at a time; of progress only the latest waits.
//
// Owns itself: the last of OnDone and the alarm deletes it.
class UploadFileReactor final
    : public grpc::ServerWriteReactor<
          ::lakefs::staging::v1::UploadAndLinkResponse> {
 public:
  // Without `folders` no file is taken. `request` need not outlive this.
  UploadFileReactor(std::unique_ptr<Call> call,
                    const ::lakefs::staging::v1::UploadFileRequest& request,
                    UploadSession& session, UploadPlaces& places,
                    const SharedFolders* folders);

  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Response = ::lakefs::staging::v1::UploadAndLinkResponse;

  void Begin(const ::lakefs::staging::v1::UploadFileRequest& request);
  absl::Status Check(
      const ::lakefs::staging::v1::UploadFileRequest& request) const;
  void Run();
  UploadReport Upload();
  void End(const grpc::Status& status, std::optional<Response> result = {});
  void Write() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void SetAlarm() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Tick();
  void LetGo();

  const std::unique_ptr<Call> call_;
  const CallContext& context_;  // of the call
  UploadSession& session_;
  UploadPlaces& places_;
  const SharedFolders* const folders_;  // may be null
  UploadRequest request_;
  const std::string file_;
  const std::optional<uint32_t> crc32c_;
  UploadProgress progress_;

  absl::Mutex mu_;
  ProgressNews news_ ABSL_GUARDED_BY(mu_){progress_};
  std::optional<::lakefs::staging::v1::UploadProgress> progress_waits_
      ABSL_GUARDED_BY(mu_);
  Response response_ ABSL_GUARDED_BY(mu_);  // being written
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Response> result_ ABSL_GUARDED_BY(mu_);
  std::optional<grpc::Status> status_ ABSL_GUARDED_BY(mu_);  // the end
  int holds_ ABSL_GUARDED_BY(mu_) = 1;  // gRPC's, and the alarm's if it is set
  grpc::Alarm alarm_;
};

}  // namespace lakefs::gateway
