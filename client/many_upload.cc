#include "client/many_upload.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/failure.h"
#include "client/request_id.h"
#include "client/upload_header.h"
#include "gateway/base/crc32c.h"
#include "google/rpc/status.pb.h"

namespace lakefs::staging {
namespace {

constexpr size_t kMostBytes = 4 << 20;
// How soon a stop is noticed.
constexpr absl::Duration kLookAgain = absl::Milliseconds(100);

absl::Status CheckSize(size_t size) {
  if (size <= kMostBytes) return absl::OkStatus();
  return MakeFailure(
      absl::StatusCode::kInvalidArgument, kInvalidRequest,
      absl::StrCat("the object has ", size, " bytes; UploadMany takes at most ",
                   kMostBytes),
      v1::OUTCOME_NOT_COMMITTED, v1::UploadFailure::ADVICE_FIX_REQUEST);
}

}  // namespace

ManyUpload::ManyUpload(const Gateway& gateway, const NextObject& next,
                       const TellResult& done, const ManyOptions& options)
    : gateway_(gateway),
      next_(next),
      done_(done),
      options_(options),
      max_in_flight_(static_cast<size_t>(std::max(1, options.max_in_flight))),
      deadline_(absl::Now() + options.timeout) {}

void ManyUpload::Run() {
  while (true) {
    if (over()) exhausted_ = true;
    std::pair<std::shared_ptr<Item>, absl::Status> failed;
    bool has_place;
    bool has_ended;
    size_t in_flight;
    {
      absl::MutexLock lock(&mutex_);
      if (!failed_.empty()) {
        failed = std::move(failed_.front());
        failed_.pop_front();
      }
      in_flight = sent_.size() + failed_.size() + later_.size();
      has_place = in_flight < max_in_flight_;
      has_ended = ended_;
    }
    if (failed.first != nullptr) {
      Fail(std::move(failed.first), failed.second);
    } else if (has_ended) {
      Disconnect();
    } else if (has_place && !exhausted_) {
      SendDue();
      TakeObject();
    } else if (in_flight == 0) {
      break;
    } else {
      SendDue();
      const auto happened = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
        return ended_ || !failed_.empty() ||
               (!exhausted_ && sent_.size() + later_.size() < max_in_flight_) ||
               (sent_.empty() && later_.empty());
      };
      absl::Time until = absl::Now() + kLookAgain;
      for (const auto& item : later_) until = std::min(until, item->due);
      absl::MutexLock lock(&mutex_);
      mutex_.AwaitWithDeadline(absl::Condition(&happened), until);
    }
  }
  Disconnect();
}

void ManyUpload::TakeObject() {
  std::optional<SmallObject> object = next_();
  if (!object) {
    exhausted_ = true;
    return;
  }
  const uint64_t number = numbers_++;
  auto header = MakeUploadHeader(object->target, object->options,
                                 static_cast<int64_t>(object->data.size()));
  absl::Status good = header.status();
  good.Update(CheckSize(object->data.size()));
  if (!good.ok()) return Tell(number, good, 0);
  auto item = std::make_shared<Item>(number, options_);
  item->header = *std::move(header);
  if (!object->options.request_id) {
    item->header.set_request_id(NewRequestId());
    item->header.set_attempt(1);
  }
  item->request.set_crc32c(gateway::Crc32c(object->data));
  item->request.set_data(std::move(object->data));
  Send(item);
}

void ManyUpload::SendDue() {
  for (size_t i = 0; i < later_.size();) {
    if (later_[i]->due > absl::Now() && !over()) {
      ++i;
      continue;
    }
    const std::shared_ptr<Item> item = std::move(later_[i]);
    later_.erase(later_.begin() + static_cast<std::ptrdiff_t>(i));
    Send(item);
  }
}

void ManyUpload::Send(const std::shared_ptr<Item>& item) {
  if (absl::Status s = Connect(*item); !s.ok()) {
    return Fail(item, s);
  }
  v1::UploadManyRequest& request = item->request;
  *request.mutable_header() = item->header;
  request.set_id(++ids_);
  {
    absl::MutexLock lock(&mutex_);
    sent_[request.id()] = item;
  }
  // A failed write means that the call has ended; its status is on its way.
  connected_->stream->Write(request);
}

// The stream, a new one where the last has ended.
absl::Status ManyUpload::Connect(Item& item) {
  connect_by_ =
      std::min(connect_by_, item.attempts.Begin(gateway_.connect_timeout));
  absl::Status reached = gateway_.Reach(connect_by_, deadline_, options_.stop);
  if (!reached.ok()) {
    return WithOutcome(reached, v1::OUTCOME_NOT_COMMITTED,
                       v1::UploadFailure::ADVICE_RETRY_CALL);
  }
  item.attempts.Connected();
  connect_by_ = absl::InfiniteFuture();
  bool has_ended;
  {
    absl::MutexLock lock(&mutex_);
    has_ended = ended_;
  }
  if (has_ended) Disconnect();
  if (connected_ == nullptr) {
    connected_ = std::make_unique<Connected>(gateway_, options_, deadline_);
    connected_->answers = std::thread([this] { ReceiveAnswers(*connected_); });
  }
  return absl::OkStatus();
}

void ManyUpload::Disconnect() {
  if (connected_ == nullptr) return;
  connected_->stream->WritesDone();
  connected_->answers.join();
  const grpc::Status status = connected_->stream->Finish();
  connected_.reset();
  std::map<uint64_t, std::shared_ptr<Item>> left;
  {
    absl::MutexLock lock(&mutex_);
    left.swap(sent_);
    ended_ = false;
  }
  for (auto& [id, item] : left) Fail(std::move(item), Unanswered(status));
}

void ManyUpload::Fail(std::shared_ptr<Item> item, const absl::Status& status) {
  const absl::Status failure = item->attempts.Judge(status);
  const auto wait = item->attempts.Again(failure, true, deadline_);
  if (!wait || over()) {
    return Tell(item->number, failure, item->attempts.made());
  }
  if (options_.on_repetition) options_.on_repetition(failure, *wait);
  item->due = absl::Now() + *wait;
  later_.push_back(std::move(item));
}

void ManyUpload::Tell(uint64_t number, absl::StatusOr<v1::UploadResult> result,
                      int attempts) {
  absl::MutexLock lock(&telling_);
  done_(number, std::move(result), attempts);
}

void ManyUpload::ReceiveAnswers(Connected& connected) {
  v1::UploadManyResponse answer;
  while (connected.stream->Read(&answer)) Take(answer);
  absl::MutexLock lock(&mutex_);
  ended_ = true;
}

void ManyUpload::Take(v1::UploadManyResponse& answer) {
  std::shared_ptr<Item> item;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = sent_.find(answer.id());
    if (found == sent_.end()) return;  // no gateway of ours
    if (answer.has_result()) {
      item = std::move(found->second);
    } else {
      google::rpc::Status status;
      status.ParseFromString(answer.status());
      const bool is_error = status.code() != 0;
      failed_.emplace_back(
          std::move(found->second),
          is_error ? FromGrpc({static_cast<grpc::StatusCode>(status.code()),
                               status.message(), answer.status()},
                              gateway_.address, v1::OUTCOME_UNKNOWN)
                   : NoResult(gateway_.address, v1::OUTCOME_UNKNOWN));
      sent_.erase(found);
      return;
    }
  }
  Tell(item->number, std::move(*answer.mutable_result()),
       item->attempts.made());
  absl::MutexLock lock(&mutex_);
  sent_.erase(answer.id());  // only now is there a place
}

absl::Status ManyUpload::Unanswered(const grpc::Status& status) const {
  if (status.ok()) return NoResult(gateway_.address, v1::OUTCOME_UNKNOWN);
  absl::Status told = FromGrpc(status, gateway_.address, v1::OUTCOME_UNKNOWN);
  const Failure failure = FailureOf(told);
  // A gateway that ends the call has answered all that it began.
  if (failure.domain != kGatewayDomain) return told;
  const bool again = failure.code == absl::StatusCode::kUnavailable ||
                     failure.retry_after.has_value();
  return WithOutcome(told, v1::OUTCOME_NOT_COMMITTED,
                     again ? v1::UploadFailure::ADVICE_RETRY_CALL
                           : v1::UploadFailure::ADVICE_FIX_REQUEST);
}

}  // namespace lakefs::staging
