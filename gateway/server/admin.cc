#include "gateway/server/admin.h"

#include <httplib.h>

#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/worker_pool.h"

namespace lakefs::gateway {
namespace {

constexpr int kThreads = 4;
constexpr int kWaiting = 16;
constexpr std::chrono::seconds kReadTimeout{1};
constexpr std::chrono::seconds kWriteTimeout{5};
constexpr size_t kMaxBody = 1024;

// A bounded number of connections. Who would be one too many waits to be
// accepted, in the kernel's own bounded queue.
class BoundedQueue final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> task) override {
    {
      absl::MutexLock lock(&mu_);
      mu_.Await(absl::Condition(this, &BoundedQueue::HasRoom));
      ++held_;
    }
    pool_.TryRun([this, task = std::move(task)] {
      task();
      absl::MutexLock lock(&mu_);
      --held_;
    });
  }
  void shutdown() override {
    const auto idle = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
      return held_ == 0;
    };
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&idle));
  }

 private:
  bool HasRoom() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return held_ < kThreads + kWaiting;
  }

  absl::Mutex mu_;
  int held_ ABSL_GUARDED_BY(mu_) = 0;
  // Twice the bound: a thread still counts its task a moment after it gave up
  // its place here.
  WorkerPool pool_{kThreads, 2 * kWaiting + kThreads};
};

bool IsLoopback(const std::string& address) {
  return absl::StartsWith(address, "127.") || address == "::1" ||
         absl::StartsWith(address, "::ffff:127.");
}

void AnswerReadiness(Readiness& readiness, httplib::Response& response) {
  const auto verdict = readiness.Check();
  const bool ready = verdict == Readiness::Verdict::kReady;
  response.status = ready ? 200 : 503;
  response.set_content(
      absl::StrCat("{\"ready\":", ready ? "true" : "false", ",\"reason\":\"",
                   ReadinessName(verdict), "\"}\n"),
      "application/json");
}

}  // namespace

struct Admin::Parts {
  httplib::Server server;
  std::thread thread;
};

Admin::Admin() : parts_(std::make_unique<Parts>()) {}

absl::StatusOr<std::unique_ptr<Admin>> Admin::Start(
    const std::string& listen, const Metrics& metrics, Readiness& readiness,
    std::function<void()> quit) {
  auto admin = std::unique_ptr<Admin>(new Admin);
  httplib::Server& server = admin->parts_->server;
  server.new_task_queue = [] { return new BoundedQueue; };
  // Not the default of SO_REUSEPORT, by which two gateways would share a port.
  server.set_socket_options([](int fd) {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(kReadTimeout.count());  // of the first byte
  server.set_read_timeout(kReadTimeout);
  server.set_write_timeout(kWriteTimeout);
  server.set_payload_max_length(kMaxBody);
  server.Get("/metrics", [&metrics](const auto&, httplib::Response& response) {
    response.set_content(metrics.Text(), "text/plain; version=0.0.4");
  });
  server.Get("/healthz", [](const auto&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  server.Get("/readyz", [&readiness](const auto&, httplib::Response& response) {
    AnswerReadiness(readiness, response);
  });
  server.Post(
      "/quitquitquit", [quit = std::move(quit)](const httplib::Request& request,
                                                httplib::Response& response) {
        if (!IsLoopback(request.remote_addr)) {
          response.status = 403;
          return response.set_content("only from loopback\n", "text/plain");
        }
        response.set_content("draining\n", "text/plain");
        quit();
      });

  const size_t colon = listen.rfind(':');
  std::string host = listen.substr(0, colon);
  int port = 0;
  if (colon == std::string::npos ||
      !absl::SimpleAtoi(listen.substr(colon + 1), &port)) {
    return absl::InvalidArgumentError(
        absl::StrCat("--admin-listen=", listen, " is not HOST:PORT"));
  }
  if (absl::StartsWith(host, "[") && absl::EndsWith(host, "]")) {
    host = host.substr(1, host.size() - 2);
  }
  const bool bound = port == 0 ? (port = server.bind_to_any_port(host)) > 0
                               : server.bind_to_port(host, port);
  if (!bound) {
    return absl::UnavailableError(
        absl::StrCat("--admin-listen=", listen, ": cannot listen there"));
  }
  admin->address_ = absl::StrCat(listen.substr(0, colon), ":", port);
  admin->parts_->thread =
      std::thread([&server] { server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  return admin;
}

Admin::~Admin() {
  parts_->server.stop();
  if (parts_->thread.joinable()) parts_->thread.join();
}

}  // namespace lakefs::gateway
