// The engine against a server on loopback.
#include "gateway/http/curl_http_client.h"

#include <gmock/gmock.h>
#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/synchronization/notification.h"
#include "gateway/http/aws_sigv4.h"
#include "gateway/http/rope.h"
#include "tests/testing/full_listener.h"
#include "tests/testing/matchers.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using ::testing::HasSubstr;
using ::testing::Not;

class CurlHttpClientTest : public ::testing::Test {
 protected:
  CurlHttpClientTest() {
    const auto echo = [this](const httplib::Request& request,
                             httplib::Response& response) {
      method_ = request.method;
      headers_ = request.headers;
      response.set_header("X-Answer", "Yes");
      response.set_content(request.body, "text/x");
    };
    server_.Get("/echo", echo);
    server_.Put("/echo", echo);
    server_.Post("/echo", echo);
    server_.Delete("/echo", echo);
    server_.Get("/stall", [this](const auto&, auto&) {
      stalled_.Notify();
      go_on_.WaitForNotificationWithTimeout(absl::Seconds(30));
    });
    server_.Get("/redirect", [](const auto&, httplib::Response& response) {
      response.set_redirect("/echo");
    });
    server_.Get("/large", [](const auto&, httplib::Response& response) {
      response.set_content(std::string(2000, 'x'), "text/x");
    });
    server_.set_payload_max_length(1 << 30);
    port_ = server_.bind_to_any_port("127.0.0.1");
    thread_ = std::thread([this] { server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~CurlHttpClientTest() override {
    if (!go_on_.HasBeenNotified()) go_on_.Notify();
    engine_.reset();  // the server waits for connections that are kept open
    server_.stop();
    thread_.join();
  }

  std::string Url(const std::string& path) {
    return "http://127.0.0.1:" + std::to_string(port_) + path;
  }

  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
  std::string method_;
  httplib::Headers headers_;
  absl::Notification stalled_;
  absl::Notification go_on_;
  RealClock clock_;
  CallContext context_{clock_, clock_.Now() + seconds(30), "test"};
  std::unique_ptr<CurlHttpClient> engine_ =
      std::make_unique<CurlHttpClient>(CurlOptions{.max_body_bytes = 1000});
  HttpClient& client_ = *engine_;
};

TEST_F(CurlHttpClientTest, EachMethodAndItsBodyArrive) {
  const std::pair<HttpMethod, const char*> methods[] = {
      {HttpMethod::kGet, "GET"},
      {HttpMethod::kPut, "PUT"},
      {HttpMethod::kPost, "POST"},
      {HttpMethod::kDelete, "DELETE"}};
  for (const auto& [method, name] : methods) {
    const bool has_body = method != HttpMethod::kGet;
    const auto response =
        client_.Send(context_, {.operation = "t",
                                .method = method,
                                .url = Url("/echo"),
                                .headers = {{"X-A", "b"}},
                                .body = has_body ? "hello" : ""});
    ASSERT_THAT(response, IsOk());
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, has_body ? "hello" : "");
    EXPECT_EQ(response->Header("x-answer"), "Yes");
    EXPECT_EQ(method_, name);
    EXPECT_EQ(headers_.find("X-A")->second, "b");
    EXPECT_EQ(headers_.count("Expect"), 0U);
    EXPECT_EQ(headers_.count("Content-Type"), 0U);
  }
  EXPECT_EQ(context_.attempts(), 4);
}

TEST_F(CurlHttpClientTest, WhatIsSignedIsSentAndWhatS3WantsSignedIs) {
  SigningHttpClient signing(client_, {.region = "r",
                                      .access_key_id = "id",
                                      .secret_access_key = "secret",
                                      .session_token = "token"});
  for (const HttpMethod method : {HttpMethod::kPut, HttpMethod::kPost}) {
    for (const std::vector<HttpHeader>& headers :
         {std::vector<HttpHeader>{},
          std::vector<HttpHeader>{{"Content-Type", "text/html"}}}) {
      HttpRequest request{.operation = "storePut",
                          .method = method,
                          .url = Url("/echo"),
                          .headers = headers,
                          .body = method == HttpMethod::kPut ? "hello" : ""};
      ASSERT_THAT(signing.Send(context_, request), IsOk());
      const std::string authorization = headers_.find("Authorization")->second;
      const std::string names =
          authorization.substr(authorization.find("SignedHeaders=") + 14,
                               authorization.find(", Signature") -
                                   authorization.find("SignedHeaders=") - 14);
      const std::vector<std::string> signed_names = absl::StrSplit(names, ';');
      for (const std::string& name : signed_names) {
        EXPECT_EQ(headers_.count(name), 1U) << name;
      }
      for (const auto& [name, value] : headers_) {
        const std::string lower = absl::AsciiStrToLower(name);
        if (!absl::StartsWith(lower, "x-amz-") && lower != "host" &&
            lower != "content-type") {
          continue;
        }
        EXPECT_THAT(signed_names, ::testing::Contains(lower));
      }
      EXPECT_EQ(headers_.find("Host")->second,
                absl::StrCat("127.0.0.1:", port_));
    }
  }
}

TEST_F(CurlHttpClientTest, AnEmptyPutHasAContentLength) {
  ASSERT_THAT(client_.Send(context_, {.operation = "t",
                                      .method = HttpMethod::kPut,
                                      .url = Url("/echo")}),
              IsOk());
  EXPECT_EQ(headers_.find("Content-Length")->second, "0");
}

TEST_F(CurlHttpClientTest, ABodyThatMustNotBeSentTwiceArrivesToo) {
  const auto response = client_.Send(context_, {.operation = "t",
                                                .method = HttpMethod::kPut,
                                                .url = Url("/echo"),
                                                .body = "once",
                                                .repeatable = false});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "once");
  EXPECT_EQ(headers_.find("Content-Length")->second, "4");
}

TEST_F(CurlHttpClientTest, ARopeArrivesWithItsLength) {
  engine_ = std::make_unique<CurlHttpClient>();
  Rope rope;
  std::string whole;
  for (int i = 0; i < 50; ++i) {
    std::string piece(i * 997, static_cast<char>('a' + i % 26));
    whole += piece;
    rope.Append(std::move(piece));
  }
  EXPECT_EQ(rope.size_bytes(), whole.size());
  for (int attempt = 0; attempt < 2; ++attempt) {
    HttpRequest request{
        .operation = "t", .method = HttpMethod::kPut, .url = Url("/echo")};
    rope.AttachTo(request);
    ASSERT_TRUE(request.stream.has_value());
    const auto response = engine_->Send(context_, request);
    ASSERT_THAT(response, IsOk());
    EXPECT_TRUE(response->body == whole);
    EXPECT_EQ(headers_.find("Content-Length")->second,
              std::to_string(whole.size()));
  }
}

TEST_F(CurlHttpClientTest, ABodyOfUnknownLengthGoesInChunks) {
  int left = 3;
  const auto response = client_.Send(
      context_,
      {.operation = "t",
       .method = HttpMethod::kPost,
       .url = Url("/echo"),
       .stream = HttpBody{
           .read = [&](std::span<char> buffer) -> absl::StatusOr<size_t> {
             if (left-- == 0) return 0;
             buffer[0] = 'x';
             return 1;
           }}});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->body, "xxx");
}

TEST_F(CurlHttpClientTest, AnErrorOfTheBodyBecomesTheErrorOfTheExchange) {
  EXPECT_THAT(
      client_.Send(context_, {.operation = "t",
                              .method = HttpMethod::kPost,
                              .url = Url("/echo"),
                              .stream = HttpBody{.read = [](std::span<char>)
                                                     -> absl::StatusOr<size_t> {
                                return absl::DataLossError("mine");
                              }}}),
      StatusIs(absl::StatusCode::kDataLoss));
}

TEST_F(CurlHttpClientTest, ARedirectIsAnAnswerAndIsNotFollowed) {
  const auto response =
      client_.Send(context_, {.operation = "t", .url = Url("/redirect")});
  ASSERT_THAT(response, IsOk());
  EXPECT_EQ(response->status, 302);
}

TEST_F(CurlHttpClientTest, NothingIsSentWhereDnsLeadsToAForbiddenAddress) {
  for (const char* address : {"169.254.169.254", "[fe80::1]"}) {
    CurlHttpClient client({.resolve = absl::StrCat("store.test:80:", address)});
    const auto response = client.Send(
        context_, {.operation = "storePut", .url = "http://store.test/x"});
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kPermissionDenied));
    EXPECT_THAT(response, HasReason(Reason::kStoreRejected));
  }
  CurlHttpClient client(
      {.resolve = absl::StrCat("t.test:", port_, ":127.0.0.1")});
  const auto response = client.Send(
      context_, {.operation = "t",
                 .url = absl::StrCat("http://t.test:", port_, "/echo")});
  EXPECT_THAT(response, IsOk()) << "the name is not looked up as told";
}

TEST_F(CurlHttpClientTest, AReplyThatIsTooLargeIsAnError) {
  EXPECT_FALSE(
      client_.Send(context_, {.operation = "t", .url = Url("/large")}).ok());
}

TEST_F(CurlHttpClientTest, ARefusedConnectionNeverLeftAndShowsNoQuery) {
  const auto response = client_.Send(
      context_, {.operation = "t", .url = "http://127.0.0.1:1/x?sig=secret"});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(NeverLeft(response.status()));
  EXPECT_THAT(std::string(response.status().message()),
              HasSubstr("http://127.0.0.1:1/x"));
  EXPECT_THAT(std::string(response.status().message()),
              Not(HasSubstr("secret")));
}

TEST_F(CurlHttpClientTest, WhereNobodyAnswersAtAllNothingHasLeft) {
  const FullListener nobody;
  const auto response =
      CurlHttpClient({.connect_timeout = milliseconds(50)})
          .Send(context_, {.operation = "t", .url = nobody.url()});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(response, HasReason(Reason::kUpstreamUnreachable));
  EXPECT_TRUE(NeverLeft(response.status()));
}

TEST_F(CurlHttpClientTest, AProxyThatCannotBeUsedIsNotShown) {
  for (const char* proxy :
       {"http://user:marked@no such host:1", "gopher://user:marked@127.0.0.1:1",
        "http://user:marked@127.0.0.1:99999", "user:marked@[127.0.0.1",
        "http://user:marked@nosuch.invalid:1",
        "http://user:marked@127.0.0.1:1"}) {
    const auto response =
        CurlHttpClient({.proxy = proxy})
            .Send(context_, {.operation = "t", .url = "http://h.invalid/"});
    EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable)) << proxy;
    EXPECT_TRUE(NeverLeft(response.status())) << proxy;
    EXPECT_THAT(std::string(response.status().message()),
                Not(HasSubstr("marked")));
  }
}

TEST_F(CurlHttpClientTest, ATimeoutOfTheExchangeMayHaveTakenEffect) {
  const auto response = client_.Send(
      context_,
      {.operation = "t", .url = Url("/stall"), .timeout = milliseconds(50)});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(response, HasReason(Reason::kUpstreamConnectionLost));
}

TEST_F(CurlHttpClientTest, TheDeadlineEndsAnExchange) {
  const auto response =
      client_.Send(context_.WithDeadline(clock_.Now() + milliseconds(50)),
                   {.operation = "t", .url = Url("/stall")});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_THAT(response, HasReason(Reason::kUpstreamConnectionLost));
}

TEST_F(CurlHttpClientTest, ACancelledCallEndsAnExchangeAtOnce) {
  std::thread canceller([this] {
    stalled_.WaitForNotification();
    context_.Cancel();
  });
  const auto response =
      client_.Send(context_, {.operation = "t", .url = Url("/stall")});
  canceller.join();
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_GT(context_.Remaining(), seconds(20));
}

TEST_F(CurlHttpClientTest, ACallThatIsOverSendsNothing) {
  context_.Cancel();
  const auto response =
      client_.Send(context_, {.operation = "t", .url = Url("/echo")});
  EXPECT_TRUE(NeverLeft(response.status()));
  EXPECT_EQ(method_, "");
}

// A socket that takes connections and some bytes, which nobody reads.
class DeafServer {
 public:
  DeafServer() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int small = 64 * 1024;
    setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    auto* any = reinterpret_cast<sockaddr*>(&address);
    socklen_t size = sizeof(address);
    EXPECT_EQ(bind(fd_, any, size), 0);
    EXPECT_EQ(listen(fd_, 8), 0);
    EXPECT_EQ(getsockname(fd_, any, &size), 0);
    url = absl::StrCat("http://127.0.0.1:", ntohs(address.sin_port), "/x");
  }
  ~DeafServer() { close(fd_); }

  int fd() const { return fd_; }
  std::string url;

 private:
  const int fd_;
};

HttpRequest UploadTo(const std::string& url, uint64_t size, seconds stall) {
  return {
      .operation = "storePut",
      .method = HttpMethod::kPut,
      .url = url,
      .stream = HttpBody{.size_bytes = size,
                         .read = [left = size](std::span<char> buffer) mutable
                         -> absl::StatusOr<size_t> {
                           const size_t n =
                               std::min<uint64_t>(left, buffer.size());
                           left -= n;
                           return n;
                         }},
      .stall_timeout = stall};
}

TEST_F(CurlHttpClientTest, AnUploadThatDoesNotMoveIsGivenUp) {
  DeafServer deaf;
  const auto response =
      client_.Send(context_, UploadTo(deaf.url, 64 << 20, seconds(1)));
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(response, HasReason(Reason::kUpstreamConnectionLost));
  EXPECT_GT(context_.Remaining(), seconds(10));
}

TEST_F(CurlHttpClientTest, AServerThatHasAllOfAnUploadMayThinkForLonger) {
  server_.Put("/think", [this](const auto&, auto&) {
    // Beyond the 5 s that curl takes the mean of, and the timeout behind them.
    go_on_.WaitForNotificationWithTimeout(absl::Seconds(8));
  });
  EXPECT_THAT(
      client_.Send(context_, UploadTo(Url("/think"), 2 << 20, seconds(1))),
      IsOk());
}

TEST_F(CurlHttpClientTest, AnAnswerThatEndsAmidItsHeadersIsLost) {
  DeafServer server;
  std::jthread answer([&server] {
    const int fd = accept(server.fd(), nullptr, nullptr);
    char buffer[4096];
    EXPECT_GT(recv(fd, buffer, sizeof(buffer), 0), 0);
    constexpr absl::string_view kHalf = "HTTP/1.1 200 OK\r\nServer: s\r\nET";
    send(fd, kHalf.data(), kHalf.size(), MSG_NOSIGNAL);
    close(fd);
  });
  const auto response = client_.Send(
      context_,
      {.operation = "t", .method = HttpMethod::kPut, .url = server.url});
  EXPECT_THAT(response, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(response, HasReason(Reason::kUpstreamConnectionLost));
}

// Answers the first request of each connection, and drops the connection at
// the second without a word, as servers do with those that were idle too long.
void DropSecondRequests(int listener, std::atomic<int>& requests) {
  std::vector<std::jthread> connections;
  while (true) {
    const int fd = accept(listener, nullptr, nullptr);
    if (fd < 0) return;
    connections.emplace_back([fd, &requests] {
      char buffer[4096];
      if (recv(fd, buffer, sizeof(buffer), 0) > 0) {
        ++requests;
        constexpr absl::string_view kAnswer =
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
        send(fd, kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL);
        if (recv(fd, buffer, sizeof(buffer), 0) > 0) ++requests;
      }
      close(fd);
    });
  }
}

TEST_F(CurlHttpClientTest, WhatMustNotBeSentTwiceIsNot) {
  DeafServer dropping;
  std::atomic<int> requests = 0;
  std::thread server([&] { DropSecondRequests(dropping.fd(), requests); });
  const HttpRequest get{.operation = "t", .url = dropping.url};
  for (const std::string body : {"", "body"}) {
    requests = 0;
    HttpRequest post{.operation = "t",
                     .method = HttpMethod::kPost,
                     .url = dropping.url,
                     .body = body,
                     .repeatable = false};
    EXPECT_THAT(client_.Send(context_, post), IsOk());
    EXPECT_THAT(client_.Send(context_, get), IsOk());
    EXPECT_EQ(requests, 3) << "curl has repeated the second by itself";
    const auto dropped = client_.Send(context_, post).status();
    EXPECT_EQ(ReasonOf(dropped), Reason::kUpstreamConnectionLost) << dropped;
    EXPECT_FALSE(NeverLeft(dropped));
    EXPECT_EQ(requests, 4) << "nor has it been repeated";
  }
  // A stream is gone once it has been read.
  HttpRequest put{
      .operation = "t", .method = HttpMethod::kPut, .url = dropping.url};
  put.stream = HttpBody{
      .size_bytes = 4,
      .read = [left = absl::string_view("body")](
                  std::span<char> to) mutable -> absl::StatusOr<size_t> {
        const size_t n = left.copy(to.data(), to.size());
        left.remove_prefix(n);
        return n;
      }};
  requests = 0;
  EXPECT_THAT(client_.Send(context_, get), IsOk());
  EXPECT_EQ(ReasonOf(client_.Send(context_, put).status()),
            Reason::kUpstreamConnectionLost);
  EXPECT_EQ(requests, 2);
  shutdown(dropping.fd(), SHUT_RDWR);
  engine_.reset();
  server.join();
}

TEST(HttpClientTest, PercentEncodingLeavesOnlyUnreservedCharacters) {
  EXPECT_EQ(PercentEncode("aZ0-._~"), "aZ0-._~");
  EXPECT_EQ(PercentEncode("/ %\xff\n"), "%2F%20%25%FF%0A");
  EXPECT_EQ(PercentDecode("%2F%20%25%fF+"), "/ %\xff+");
  EXPECT_EQ(PercentDecode("%%2%2G%"), "%%2%2G%");
  EXPECT_EQ(WithoutQuery("http://h/a?b#c"), "http://h/a");
}

}  // namespace
}  // namespace lakefs::gateway::testing
