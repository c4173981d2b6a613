// Any number of small objects on one stream, each with its attempts.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/attempts.h"
#include "client/call.h"
#include "client/gateway.h"
#include "client/small_object.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// Threads: the caller's thread sends and judges what failed; another one, for
// the time of a stream, takes the answers. Both tell the results.
class ManyUpload {
 public:
  // All references must outlive Run().
  ManyUpload(const Gateway& gateway, const NextObject& next,
             const TellResult& done, const ManyOptions& options);

  // Once.
  void Run();

 private:
  using Stream =
      grpc::ClientReaderWriter<v1::UploadManyRequest, v1::UploadManyResponse>;

  // An object that has no result yet.
  struct Item {
    Item(uint64_t n, const ManyOptions& options)
        : number(n), attempts(header, options) {}
    const uint64_t number;
    v1::UploadHeader header;
    v1::UploadManyRequest request;
    Attempts attempts;
    absl::Time due;  // when it is sent again
  };

  // One call. Its thread fills what is guarded by the mutex of the whole.
  struct Connected {
    Connected(const Gateway& gateway, const ManyOptions& options,
              absl::Time deadline)
        : call(deadline, options.stop, gateway.authorization),
          stream(gateway.stub->UploadMany(&call.context())) {}
    Call call;
    const std::unique_ptr<Stream> stream;
    std::thread answers;
  };

  void TakeObject();
  void SendDue();
  void Send(const std::shared_ptr<Item>& item);
  absl::Status Connect(Item& item);
  void Disconnect();
  void Fail(std::shared_ptr<Item> item, const absl::Status& status);
  void Tell(uint64_t number, absl::StatusOr<v1::UploadResult> result,
            int attempts);
  void ReceiveAnswers(Connected& connected);
  void Take(v1::UploadManyResponse& answer);
  // What is known of those without an answer, since the call ended so.
  absl::Status Unanswered(const grpc::Status& status) const;
  bool over() const {
    return options_.stop.stop_requested() || absl::Now() >= deadline_;
  }

  const Gateway& gateway_;
  const NextObject& next_;
  const TellResult& done_;
  const ManyOptions& options_;
  const size_t max_in_flight_;
  const absl::Time deadline_;

  // Of the caller's thread.
  uint64_t numbers_ = 0;
  uint64_t ids_ = 0;
  bool exhausted_ = false;
  // When waiting for a connection has had its time: what comes behind an object
  // that has waited in vain does not wait anew.
  absl::Time connect_by_ = absl::InfiniteFuture();
  std::vector<std::shared_ptr<Item>> later_;
  std::unique_ptr<Connected> connected_;

  absl::Mutex telling_;
  absl::Mutex mutex_;
  std::map<uint64_t, std::shared_ptr<Item>> sent_ ABSL_GUARDED_BY(mutex_);
  // Answered with an error, which the caller's thread judges.
  std::deque<std::pair<std::shared_ptr<Item>, absl::Status>> failed_
      ABSL_GUARDED_BY(mutex_);
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;  // the call
};

}  // namespace lakefs::staging
