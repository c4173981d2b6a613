// One UploadMany, from the first object to the last answer.
#pragma once

#include <cstdint>
#include <memory>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "client/call.h"
#include "client/small_object.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// Threads: the caller's thread sends; another one, for the time of Run(), takes
// the answers. They meet in `unanswered_` and `ended_`, and where they tell.
class ManyStream {
 public:
  // All references must outlive Run(). `address` is for errors only.
  ManyStream(v1::Staging::Stub& stub, const std::string& address,
             const NextObject& next, const TellResult& done,
             const ManyOptions& options, absl::Time deadline);

  // Once.
  absl::Status Run();

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::UploadManyRequest, v1::UploadManyResponse>;

  void Send();
  // Whether one more may be sent; waits as long as there are too many.
  bool AwaitPlace();
  void ReceiveAnswers();
  void Take(v1::UploadManyResponse& answer);
  void Tell(uint64_t number, absl::StatusOr<v1::UploadResult> result);
  // What is known of those without an answer, since the call ended so.
  absl::Status Unanswered(const grpc::Status& status) const;

  const std::string& address_;
  const NextObject& next_;
  const TellResult& done_;
  const size_t max_in_flight_;
  Call call_;
  const std::unique_ptr<Stream> stream_;

  absl::Mutex telling_;
  absl::Mutex mutex_;
  std::set<uint64_t> unanswered_ ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // no more is to be sent
};

}  // namespace lakefs::staging
