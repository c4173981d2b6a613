#include "client/many_stream.h"

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/failure.h"
#include "client/upload_header.h"
#include "gateway/base/crc32c.h"
#include "google/rpc/status.pb.h"

namespace lakefs::staging {
namespace {

// Of the errors that a gateway makes itself; others come from the connection.
constexpr char kGatewayDomain[] = "lakefs.staging";

absl::StatusOr<v1::UploadManyRequest> RequestOf(uint64_t number,
                                                SmallObject object) {
  const auto size = static_cast<int64_t>(object.data.size());
  auto header = MakeUploadHeader(object.target, object.options, size);
  if (!header.ok()) return header.status();
  v1::UploadManyRequest request;
  request.set_id(number);
  *request.mutable_header() = *std::move(header);
  request.set_crc32c(gateway::Crc32c(object.data));
  request.set_data(std::move(object.data));
  return request;
}

}  // namespace

ManyStream::ManyStream(v1::Staging::Stub& stub, const std::string& address,
                       const NextObject& next, const TellResult& done,
                       const ManyOptions& options, absl::Time deadline)
    : address_(address),
      next_(next),
      done_(done),
      max_in_flight_(static_cast<size_t>(std::max(1, options.max_in_flight))),
      call_(deadline, options),
      stream_(stub.UploadMany(&call_.context())) {}

absl::Status ManyStream::Run() {
  std::thread answers([this] { ReceiveAnswers(); });
  Send();
  stream_->WritesDone();
  answers.join();
  const grpc::Status status = stream_->Finish();
  std::set<uint64_t> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(unanswered_);
  }
  for (const uint64_t number : left) Tell(number, Unanswered(status));
  if (status.ok()) return absl::OkStatus();
  return FromGrpc(status, address_, v1::OUTCOME_UNSPECIFIED);
}

void ManyStream::Send() {
  for (uint64_t number = 0; AwaitPlace(); ++number) {
    std::optional<SmallObject> object = next_();
    if (!object) return;
    const auto request = RequestOf(number, *std::move(object));
    if (!request.ok()) {
      Tell(number, request.status());
      continue;
    }
    {
      absl::MutexLock lock(&mutex_);
      unanswered_.insert(number);
    }
    if (!stream_->Write(*request)) return;  // its status is on its way
  }
}

bool ManyStream::AwaitPlace() {
  const auto may_go_on = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ended_ || unanswered_.size() < max_in_flight_;
  };
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(&may_go_on));
  return !ended_;
}

void ManyStream::ReceiveAnswers() {
  v1::UploadManyResponse answer;
  while (stream_->Read(&answer)) Take(answer);
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void ManyStream::Take(v1::UploadManyResponse& answer) {
  const uint64_t number = answer.id();
  {
    absl::MutexLock lock(&mutex_);
    if (!unanswered_.contains(number)) return;  // no gateway of ours
  }
  if (answer.has_result()) {
    Tell(number, std::move(*answer.mutable_result()));
  } else {
    google::rpc::Status status;
    status.ParseFromString(answer.status());
    const bool is_error = status.code() != 0;
    Tell(number,
         FromGrpc({is_error ? static_cast<grpc::StatusCode>(status.code())
                            : grpc::StatusCode::INTERNAL,
                   status.message(), answer.status()},
                  address_, v1::OUTCOME_UNKNOWN));
  }
  absl::MutexLock lock(&mutex_);
  unanswered_.erase(number);
}

void ManyStream::Tell(uint64_t number,
                      absl::StatusOr<v1::UploadResult> result) {
  absl::MutexLock lock(&telling_);
  done_(number, std::move(result));
}

absl::Status ManyStream::Unanswered(const grpc::Status& status) const {
  if (status.ok()) {
    return MakeFailure(absl::StatusCode::kInternal, kBadReply,
                       absl::StrCat("the gateway at ", address_,
                                    " ended the call without an answer"),
                       v1::OUTCOME_UNKNOWN,
                       v1::UploadFailure::ADVICE_RETRY_CALL);
  }
  absl::Status told = FromGrpc(status, address_, v1::OUTCOME_UNKNOWN);
  const Failure failure = FailureOf(told);
  // A gateway that ends the call has answered all that it began.
  if (failure.domain != kGatewayDomain) return told;
  return MakeFailure(told.code(), failure.reason, told.message(),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_RETRY_CALL);
}

}  // namespace lakefs::staging
