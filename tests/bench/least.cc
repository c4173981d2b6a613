// The least that a gateway can do, with the same libraries and threads: one
// request after the other, nothing kept, checked, repeated, asked or measured.
// What the gateway costs more than this is its own; the rest is what gRPC,
// libcurl and the machine cost.
//
//   bench-least LAKEFS_URL SOCKET    serves at unix:SOCKET until it is killed
#include <grpcpp/grpcpp.h>
#include <malloc.h>

#include <cstdio>
#include <cstring>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/synchronization/mutex.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/worker_pool.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"
#include "tests/bench/direct_caller.h"

namespace lakefs::gateway::bench {
namespace {

namespace pb = ::lakefs::staging::v1;

// Between a stream and its PUT: 16 MiB gain nothing.
constexpr size_t kSlackBytes = 4 << 20;

std::string lakefs_url;

DirectCaller& CallerOfThread() {
  thread_local DirectCaller caller(lakefs_url);
  return caller;
}

// Runs `work` on the pool, and ends with OK.
class Unary final : public grpc::ServerUnaryReactor {
 public:
  Unary(WorkerPool& pool, std::function<void()> work) {
    pool.TryRun([this, work = std::move(work)] {
      work();
      Finish(grpc::Status::OK);
    });
  }
  void OnDone() override { delete this; }
};

// One PUT of what the stream brings, while it comes. Only for sizes that are
// known.
class Relay final : public grpc::ServerBidiReactor<pb::UploadAndLinkRequest,
                                                   pb::UploadAndLinkResponse> {
 public:
  explicit Relay(WorkerPool& pool) : pool_(pool) { StartRead(&message_); }

  void OnReadDone(bool ok) override {
    if (!ok) return;
    if (message_.has_header()) {
      const int64_t size_bytes = message_.header().size_bytes();
      pool_.TryRun([this, size_bytes] { Run(size_bytes); });
    }
    bool more = true;
    if (message_.has_chunk()) {
      absl::MutexLock lock(&mu_);
      auto& chunk = *message_.mutable_chunk();
      crc32c_ = ConcatCrc32c(crc32c_, chunk.crc32c(), chunk.data().size());
      held_ += chunk.data().size();
      chunks_.push_back(std::move(*chunk.mutable_data()));
      more = held_ < kSlackBytes;
      paused_ = !more;
    }
    if (more) StartRead(&message_);
  }
  void OnDone() override { delete this; }

 private:
  void Run(int64_t size_bytes) {
    DirectCaller& caller = CallerOfThread();
    const nlohmann::json location = caller.GetAddress();
    caller.Put(location["presigned_url"], size_bytes,
               [this](char* to, size_t size) { return Read(to, size); });
    caller.Link(location, static_cast<uint64_t>(size_bytes));
    response_.mutable_result()->set_crc32c(crc32c_);
    StartWriteAndFinish(&response_, grpc::WriteOptions(), grpc::Status::OK);
  }

  size_t Read(char* to, size_t size) {
    if (offset_ == current_.size()) Next();
    const size_t n = std::min(size, current_.size() - offset_);
    std::memcpy(to, current_.data() + offset_, n);
    offset_ += n;
    return n;
  }

  void Next() {
    bool resume = false;
    {
      absl::MutexLock lock(&mu_);
      const auto ready = [this] { return !chunks_.empty(); };
      mu_.Await(absl::Condition(&ready));
      current_ = std::move(chunks_.front());
      chunks_.pop_front();
      held_ -= current_.size();
      resume = std::exchange(paused_, false);
    }
    offset_ = 0;
    if (resume) StartRead(&message_);
  }

  WorkerPool& pool_;
  pb::UploadAndLinkRequest message_;  // being read
  pb::UploadAndLinkResponse response_;
  std::string current_;  // being sent
  size_t offset_ = 0;
  absl::Mutex mu_;
  std::deque<std::string> chunks_ ABSL_GUARDED_BY(mu_);
  size_t held_ ABSL_GUARDED_BY(mu_) = 0;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  uint32_t crc32c_ = 0;
};

class Service final : public pb::Staging::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetPhysicalAddress(
      grpc::CallbackServerContext*, const pb::GetPhysicalAddressRequest*,
      pb::GetPhysicalAddressResponse* response) override {
    return new Unary(pool_, [response] {
      const nlohmann::json location = CallerOfThread().GetAddress();
      response->mutable_location()->set_physical_address(
          location["physical_address"]);
      response->mutable_location()->set_presigned_url(
          location["presigned_url"]);
    });
  }

  grpc::ServerUnaryReactor* UploadObject(
      grpc::CallbackServerContext*, const pb::UploadObjectRequest* request,
      pb::UploadObjectResponse* response) override {
    return new Unary(pool_, [request, response] {
      CallerOfThread().Upload(request->data());
      response->mutable_result()->set_crc32c(request->crc32c());
    });
  }

  grpc::ServerBidiReactor<pb::UploadAndLinkRequest, pb::UploadAndLinkResponse>*
  UploadAndLink(grpc::CallbackServerContext*) override {
    return new Relay(pool_);
  }

 private:
  WorkerPool pool_{64, 1024};
};

}  // namespace
}  // namespace lakefs::gateway::bench

int main(int argc, char** argv) {
  using lakefs::gateway::bench::Service;
  if (argc != 3) return 2;
  mallopt(M_TRIM_THRESHOLD, 256 << 20);  // as the gateway does
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_ARENA_MAX, 1);
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  lakefs::gateway::bench::lakefs_url = argv[1];
  Service service;
  grpc::ServerBuilder builder;
  builder.AddChannelArgument("grpc.http2.bdp_probe", 0);
  builder.AddChannelArgument("grpc.http2.lookahead_bytes", 64 << 10);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_FRAME_SIZE, 1 << 20);
  builder.AddListeningPort(std::string("unix:") + argv[2],
                           grpc::InsecureServerCredentials());
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  if (server == nullptr) return 1;
  std::printf("%s\n", argv[2]);
  std::fflush(stdout);
  server->Wait();
}
