#include "gateway/server/admin/bounded_http_server.h"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/numbers.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/worker_pool.h"

namespace lakefs::gateway {
namespace {

constexpr int kThreads = 4;
constexpr int kWaiting = 16;
// From the start of a connection to the end of the request, and of all. A slow
// lakeFS holds up an answer for two seconds.
constexpr std::chrono::seconds kReadTime{1};
constexpr std::chrono::seconds kWholeTime{10};
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
    const auto answer = [this, task = std::move(task)] {
      task();
      absl::MutexLock lock(&mu_);
      --held_;
    };
    // Where no thread is to be had, that of who accepts does it.
    if (!pool_.TryRun(answer)) answer();
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

// One connection. httplib's own time-outs are those of single reads and writes:
// who sends a byte now and then would hold a thread for hours.
class BoundedStream final : public httplib::Stream {
 public:
  explicit BoundedStream(int fd) : fd_(fd) {}

  bool is_readable() const override { return Wait(POLLIN, kReadTime); }
  bool is_writable() const override { return Wait(POLLOUT, kWholeTime); }
  ssize_t read(char* data, size_t size) override {
    return is_readable() ? recv(fd_, data, size, MSG_DONTWAIT) : -1;
  }
  ssize_t write(const char* data, size_t size) override {
    return is_writable() ? send(fd_, data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                         : -1;
  }
  void get_remote_ip_and_port(std::string& ip, int& port) const override {
    Name(getpeername, ip, port);
  }
  void get_local_ip_and_port(std::string& ip, int& port) const override {
    Name(getsockname, ip, port);
  }
  socket_t socket() const override { return fd_; }

 private:
  bool Wait(short event, std::chrono::seconds limit) const {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        start_ + limit - std::chrono::steady_clock::now());
    pollfd one{fd_, event, 0};
    return left.count() > 0 &&
           poll(&one, 1, static_cast<int>(left.count())) == 1;
  }
  template <typename Which>
  void Name(Which which, std::string& ip, int& port) const {
    sockaddr_storage address{};
    socklen_t size = sizeof(address);
    char host[NI_MAXHOST] = "";
    char service[NI_MAXSERV] = "";
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    which(fd_, generic, &size);
    getnameinfo(generic, size, host, sizeof(host), service, sizeof(service),
                NI_NUMERICHOST | NI_NUMERICSERV);
    ip = host;
    port = 0;
    (void)absl::SimpleAtoi(service, &port);
  }

  const int fd_;
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
};

}  // namespace

BoundedHttpServer::BoundedHttpServer() {
  new_task_queue = [] { return new BoundedQueue; };
  // Not the default of SO_REUSEPORT, by which two gateways would share a port.
  set_socket_options([](int fd) {
    const int yes = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  });
  set_payload_max_length(kMaxBody);
}

bool BoundedHttpServer::process_and_close_socket(socket_t fd) {
  BoundedStream stream(fd);
  bool closed = false;
  const bool done =
      process_request(stream, /*close_connection=*/true, closed, nullptr);
  shutdown(fd, SHUT_RDWR);
  close(fd);
  return done;
}

}  // namespace lakefs::gateway
