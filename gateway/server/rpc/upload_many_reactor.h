// One UploadMany on gRPC's callback API.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/support/server_callback.h>

#include <deque>
#include <memory>
#include <optional>
#include <set>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/worker_pool.h"
#include "gateway/server/rpc/call_runner.h"
#include "gateway/server/rpc/message_room.h"
#include "gateway/staging/upload/upload_session.h"
#include "lakefs_staging/v1/staging.pb.h"

namespace lakefs::gateway {

// What its objects go through; owned by who wires the program.
struct UploadManyDependencies {
  UploadSession& uploads;
  MemoryBudget& memory;
  MessageRoom& message_room;
  // Runs the objects of all streams, and nothing else.
  WorkerPool& pool;
  CallRunner& calls;
};

// Reads objects and runs each on a thread of the pool, as a call of its own.
//
// The next object is read once the last one has begun, that is, has a thread of
// the pool and its memory; and not while kMostUnanswered have no answer that is
// on its way. That is all there is to fairness: in the queues of the pool and
// of the budget, both first come, first served, a stream stands with one object
// at a time, however many it has to send. And it bounds what a stream can hold
// whose caller reads no answers.
//
// Owns itself: the last of OnDone and the alarm deletes it.
class UploadManyReactor final : public grpc::ServerBidiReactor<
                                    ::lakefs::staging::v1::UploadManyRequest,
                                    ::lakefs::staging::v1::UploadManyResponse> {
 public:
  static constexpr int kMostUnanswered = 64;

  UploadManyReactor(std::unique_ptr<Call> call,
                    const UploadManyDependencies& dependencies);

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override;
  void OnDone() override;

 private:
  using Request = ::lakefs::staging::v1::UploadManyRequest;
  using Response = ::lakefs::staging::v1::UploadManyResponse;

  // Has the object that was read wait for its turn.
  void Take();
  void Refuse();
  // What becomes of it, on a thread of the pool.
  Response Upload();
  // It is out of message_, so that the next can be read.
  void Begun();
  void Answer(Response response);

  // Reads no more, and ends with `status` when all that was read is answered;
  // the first status counts.
  void Stop(const absl::Status& status);
  void ReadOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GoOn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void LetGo();
  // Objects that were read, and whose answer has not been sent.
  int Unanswered() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return at_work_ + static_cast<int>(answers_.size()) + (writing_ ? 1 : 0);
  }

  const std::unique_ptr<Call> call_;
  const UploadManyDependencies deps_;
  Request message_;          // being read, then waiting to begin
  size_t object_bytes_ = 0;  // of it; too many are not kept
  int64_t room_taken_ = 0;   // for it

  absl::Mutex mu_;
  bool reading_ ABSL_GUARDED_BY(mu_) = false;
  bool begins_ ABSL_GUARDED_BY(mu_) = false;  // message_ waits to begin
  int at_work_ ABSL_GUARDED_BY(mu_) = 0;      // objects without an answer
  std::set<uint64_t> ids_ ABSL_GUARDED_BY(mu_);
  std::deque<Response> answers_ ABSL_GUARDED_BY(mu_);
  Response response_ ABSL_GUARDED_BY(mu_);  // being written
  bool writing_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<absl::Status> stopped_ ABSL_GUARDED_BY(mu_);
  bool gone_ ABSL_GUARDED_BY(mu_) = false;  // the caller
  std::optional<grpc::Status> end_ ABSL_GUARDED_BY(mu_);
  bool finished_ ABSL_GUARDED_BY(mu_) = false;
  int holds_ ABSL_GUARDED_BY(mu_) = 2;  // gRPC's and the alarm's
  grpc::Alarm alarm_;       // for the end of a stream without a deadline
  const CancelHook drain_;  // stops it when the gateway shuts down
};

}  // namespace lakefs::gateway
