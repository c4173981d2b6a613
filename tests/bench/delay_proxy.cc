// A link that is far away: bytes arrive half a round trip after they were sent,
// and no connection has more under way than its window.
//
//   bench-delay-proxy TARGET_PORT DELAY_MS WINDOW_BYTES    prints "PORT\n"
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

namespace {

using Clock = std::chrono::steady_clock;

std::chrono::milliseconds delay{25};
size_t window = 0;

// One direction. A byte frees its place in the window when word of its arrival
// would be back: a whole round trip after it was sent.
class Pipe {
 public:
  Pipe(int from, int to) : from_(from), to_(to) {}

  void Run() {
    std::thread sender([this] { Send(); });
    std::string buffer(256 * 1024, '\0');
    while (true) {
      const ssize_t n = recv(from_, buffer.data(), buffer.size(), 0);
      std::unique_lock lock(mu_);
      if (n <= 0) {
        ended_ = true;
        changed_.notify_all();
        break;
      }
      const auto size = static_cast<size_t>(n);
      const auto now = Clock::now();
      queue_.push_back({now + delay, buffer.substr(0, size)});
      under_way_.push_back({now + 2 * delay, size});
      in_flight_ += size;
      changed_.notify_all();
      while (in_flight_ >= window) {
        const auto [when, bytes] = under_way_.front();
        lock.unlock();
        std::this_thread::sleep_until(when);
        lock.lock();
        under_way_.pop_front();
        in_flight_ -= bytes;
      }
      while (!under_way_.empty() && under_way_.front().first <= Clock::now()) {
        in_flight_ -= under_way_.front().second;
        under_way_.pop_front();
      }
    }
    sender.join();
  }

 private:
  void Send() {
    while (true) {
      std::unique_lock lock(mu_);
      changed_.wait(lock, [this] { return ended_ || !queue_.empty(); });
      if (queue_.empty()) break;
      auto [when, bytes] = std::move(queue_.front());
      queue_.pop_front();
      lock.unlock();
      std::this_thread::sleep_until(when);
      size_t sent = 0;
      while (sent < bytes.size()) {
        const ssize_t n =
            send(to_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) break;
        sent += static_cast<size_t>(n);
      }
    }
    shutdown(to_, SHUT_WR);
  }

  const int from_;
  const int to_;
  std::mutex mu_;
  std::condition_variable changed_;
  std::deque<std::pair<Clock::time_point, std::string>> queue_;
  std::deque<std::pair<Clock::time_point, size_t>> under_way_;
  size_t in_flight_ = 0;
  bool ended_ = false;
};

void Serve(int client, int target_port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(target_port));
  const int server = socket(AF_INET, SOCK_STREAM, 0);
  std::this_thread::sleep_for(2 * delay);  // the handshake
  if (connect(server, reinterpret_cast<sockaddr*>(&address), sizeof(address)) !=
      0) {
    close(client);
    close(server);
    return;
  }
  const int on = 1;
  setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  setsockopt(server, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  Pipe there(client, server);
  Pipe back(server, client);
  std::thread other([&back] { back.Run(); });
  there.Run();
  other.join();
  close(client);
  close(server);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const int target_port = std::atoi(argv[1]);
  delay = std::chrono::milliseconds(std::atoi(argv[2]));
  window = static_cast<size_t>(std::atoll(argv[3]));
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof(address);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      listen(listener, 64) != 0 ||
      getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size) !=
          0) {
    return 1;
  }
  std::printf("%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  while (true) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd >= 0) std::thread(Serve, fd, target_port).detach();
  }
}
