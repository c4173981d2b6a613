#include "tests/emulator/http_server.h"

#include <httplib.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/connection.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr time_t kNoTimeoutSeconds = 24 * 3600;

// httplib's own backlog of 5 makes a burst of connections wait a second for a
// repeated SYN.
constexpr int kBacklog = 1024;

constexpr char kAnyPath[] = R"([\s\S]*)";

// A body is not reserved for beyond this before its bytes arrive.
constexpr uint64_t kLargestReserve = uint64_t{256} << 20;

void SplitTarget(HttpRequest& request) {
  size_t mark = request.target.find('?');
  request.path = request.target.substr(0, mark);
  if (mark == std::string::npos) return;
  absl::string_view query(request.target);
  for (absl::string_view pair :
       absl::StrSplit(query.substr(mark + 1), '&', absl::SkipEmpty())) {
    std::pair<std::string, std::string> kv =
        absl::StrSplit(pair, absl::MaxSplits('=', 1));
    request.query.emplace(PercentDecode(kv.first, true),
                          PercentDecode(kv.second, true));
  }
}

// The headers of a request as they came, but for blanks at the ends of values:
// httplib would decode %XX in them. `head` begins with the request line.
std::map<std::string, std::string> HeadersOf(absl::string_view head) {
  std::map<std::string, std::string> headers;
  std::vector<absl::string_view> lines = absl::StrSplit(head, "\r\n");
  for (size_t i = 1; i < lines.size(); ++i) {
    const size_t colon = lines[i].find(':');
    if (colon == absl::string_view::npos) continue;
    headers.emplace(absl::AsciiStrToLower(lines[i].substr(0, colon)),
                    absl::StripAsciiWhitespace(lines[i].substr(colon + 1)));
  }
  return headers;
}

// Takes the request out of httplib's hands, with what would make httplib
// meddle with body and reply (ranges, compression, forms) removed there. `head`
// is what came before the body.
HttpRequest TakeRequest(httplib::Request& from, absl::string_view head) {
  HttpRequest to;
  to.method = from.method;
  to.target = from.target;
  SplitTarget(to);
  to.headers = HeadersOf(head);
  from.ranges.clear();
  for (const char* name :
       {"Accept-Encoding", "Content-Encoding", "Content-Type", "Range"}) {
    from.headers.erase(name);
  }
  return to;
}

// Runs one thread for each connection and knows when all have ended.
class ThreadPerConnection final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> work) override {
    {
      absl::MutexLock lock(&mu_);
      ++running_;
    }
    std::thread([this, work = std::move(work)] {
      work();
      absl::MutexLock lock(&mu_);
      --running_;
    }).detach();
  }

  void shutdown() override {
    absl::MutexLock lock(&mu_);
    auto none = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return running_ == 0;
    };
    mu_.Await(absl::Condition(&none));
  }

 private:
  absl::Mutex mu_;
  int running_ ABSL_GUARDED_BY(mu_) = 0;
};

class Exchange final : public HttpExchange {
 public:
  Exchange(HttpRequest request, Connection& connection)
      : request_(std::move(request)), connection_(connection) {}

  HttpRequest& request() override { return request_; }

  bool ReadBody(const Sink& sink, const Progress& progress) override {
    if (!read_) complete_ = Read(sink, progress);
    read_ = true;
    return complete_;
  }

  bool IsAbandoned() override { return connection_.IsAbandoned(); }
  void HangUp() override { connection_.HangUp(); }

  void set_reader(const httplib::ContentReader* reader) { reader_ = reader; }

  // Whether bytes of the body may still be under way.
  bool HasUnreadBody() const {
    return !(read_ && complete_) && AnnouncesBody();
  }

 private:
  bool AnnouncesBody() const {
    std::string length = request_.Header("content-length");
    return request_.IsChunked() || (!length.empty() && length != "0");
  }

  bool Read(const Sink& sink, const Progress& progress) {
    if (!AnnouncesBody()) return true;
    if (reader_ == nullptr) return false;
    uint64_t length = 0;
    uint64_t read = 0;
    if (absl::SimpleAtoi(request_.Header("content-length"), &length) && !sink) {
      request_.body.reserve(std::min(length, kLargestReserve));
    }
    bool whole = (*reader_)([&](const char* data, size_t size) {
      if (sink) {
        sink({data, size});
      } else {
        request_.body.append(data, size);
      }
      read += size;
      return !progress || progress(read, length);
    });
    return whole && (request_.IsChunked() || read == length);
  }

  HttpRequest request_;
  Connection& connection_;
  const httplib::ContentReader* reader_ = nullptr;
  bool read_ = false;
  bool complete_ = false;
};

}  // namespace

// httplib's server with our own stream under each connection.
class HttpServer::Engine final : public httplib::Server {
 public:
  explicit Engine(const HttpServer::Handler& handler) : handler_(handler) {
    new_task_queue = [] { return new ThreadPerConnection; };
    set_read_timeout(kNoTimeoutSeconds);
    set_write_timeout(kNoTimeoutSeconds);
    set_idle_interval(0, 20'000);
    set_payload_max_length(std::numeric_limits<size_t>::max());
    set_tcp_nodelay(true);
    set_keep_alive_max_count(1'000'000);
    set_keep_alive_timeout(kNoTimeoutSeconds);
    // Not SO_REUSEPORT, httplib's default: a port in use must be an error.
    set_socket_options([](socket_t socket) {
      int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
    });
    auto plain = [this](const httplib::Request&, httplib::Response& response) {
      Handle(nullptr, response);
    };
    auto with_body = [this](const httplib::Request&,
                            httplib::Response& response,
                            const httplib::ContentReader& reader) {
      Handle(&reader, response);
    };
    Get(kAnyPath, plain);  // HEAD too.
    Delete(kAnyPath, plain);
    Delete(kAnyPath, with_body);
    Put(kAnyPath, with_body);
    Post(kAnyPath, with_body);
    Options(kAnyPath, plain);
  }

  bool Bind(const std::string& host, int port) {
    if (port == 0) {
      port_ = bind_to_any_port(host);
    } else {
      port_ = bind_to_port(host, port) ? port : -1;
    }
    return port_ > 0 && ::listen(svr_sock_, kBacklog) == 0;
  }

  void Run() {
    listener_ = std::thread([this] { listen_after_bind(); });
    while (!is_running()) std::this_thread::yield();
  }

  void Shut() {
    {
      absl::MutexLock lock(&mu_);
      stopping_ = true;
      for (int socket : live_) ::shutdown(socket, SHUT_RDWR);
    }
    stop();
    if (listener_.joinable()) listener_.join();
  }

  int port() const { return port_; }

 private:
  bool process_and_close_socket(socket_t socket) override {
    if (Enter(socket)) {
      Serve(socket);
      absl::MutexLock lock(&mu_);
      live_.erase(socket);
    }
    ::close(socket);
    return true;
  }

  bool Enter(int socket) {
    absl::MutexLock lock(&mu_);
    if (!stopping_) live_.insert(socket);
    return !stopping_;
  }

  // All requests of one connection.
  void Serve(int socket) {
    Connection connection(socket);
    while (true) {
      std::unique_ptr<Exchange> exchange;
      current_ = {&connection, &exchange, HttpResponse::Delivery::kWhole, {}};
      bool closed = false;
      connection.KeepHead();
      bool served = process_request(
          connection, /*close_connection=*/false, closed,
          [&](httplib::Request& request) {
            exchange = std::make_unique<Exchange>(
                TakeRequest(request, connection.TakeHead()), connection);
          });
      if (!Deliver(connection) || !served) return;
      bool unread = exchange != nullptr && exchange->HasUnreadBody();
      if (closed || unread) return connection.Linger();
    }
  }

  // Sends the reply as its `delivery` has it. Returns whether the connection
  // goes on.
  static bool Deliver(Connection& connection) {
    switch (current_.delivery) {
      case HttpResponse::Delivery::kWhole:
        return connection.Flush();
      case HttpResponse::Delivery::kTruncated:
        connection.SendCut(current_.cut_at);
        return false;
      case HttpResponse::Delivery::kReset:
        return false;
    }
    return false;
  }

  void Handle(const httplib::ContentReader* reader,
              httplib::Response& response) {
    Exchange& exchange = **current_.exchange;
    exchange.set_reader(reader);
    HttpResponse reply = handler_(exchange);
    exchange.set_reader(nullptr);
    current_.delivery = reply.delivery;
    current_.cut_at = reply.cut_at;
    if (reply.delivery == HttpResponse::Delivery::kReset) {
      current_.connection->Reset();
    } else if (reply.delivery == HttpResponse::Delivery::kTruncated) {
      current_.connection->HoldBack();
    }
    response.status = reply.status;
    for (const auto& [name, value] : reply.headers) {
      response.set_header(name, value);
    }
    if (exchange.HasUnreadBody()) response.set_header("Connection", "close");
    response.body = std::move(reply.body);
  }

  // The connection and request that the calling thread is busy with: httplib
  // hands neither through to its handlers.
  struct Current {
    Connection* connection;
    std::unique_ptr<Exchange>* exchange;
    HttpResponse::Delivery delivery;
    std::optional<size_t> cut_at;
  };
  static thread_local Current current_;

  const HttpServer::Handler& handler_;
  std::thread listener_;
  int port_ = 0;
  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  std::set<int> live_ ABSL_GUARDED_BY(mu_);
};

thread_local HttpServer::Engine::Current HttpServer::Engine::current_;

HttpServer::HttpServer(Handler handler) : handler_(std::move(handler)) {}

HttpServer::~HttpServer() { Stop(); }

absl::Status HttpServer::Start(const std::string& host, int port) {
  engine_ = std::make_unique<Engine>(handler_);
  if (!engine_->Bind(host, port)) {
    engine_ = nullptr;
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", host, ":", port));
  }
  engine_->Run();
  return absl::OkStatus();
}

void HttpServer::Stop() {
  if (engine_ != nullptr) engine_->Shut();
}

int HttpServer::port() const {
  return engine_ == nullptr ? 0 : engine_->port();
}

}  // namespace lakefs::gateway::testing
