#include "gateway/http/curl_http_client.h"

#include <curl/curl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/http/environment_proxy.h"
#include "gateway/http/forbidden_address.h"
#include "gateway/process/descriptors.h"

namespace lakefs::gateway {
namespace {

using std::chrono::milliseconds;

// 512 KiB instead of 64: up to 45 % more bytes a second, and more gains
// nothing.
constexpr long kUploadBuffer = 512 * 1024;

// Below this there is no pause between attempts to poll; only a bound, since
// cancellation and sockets wake the poll.
constexpr milliseconds kLongestPoll{10'000};

// An upload that is slower than this does not move.
constexpr long kStallBytesPerSecond = 1024;

// A server that has all of an upload may think for longer than one may stall
// that is still to take it.
constexpr long kAnswerSeconds = 300;

// A peer that has vanished is noticed after 2 minutes, also while its answer is
// waited for.
constexpr long kKeepaliveIdleSeconds = 60;
constexpr long kKeepaliveIntervalSeconds = 15;

// Whether curl failed before the request can have left.
bool FailedBeforeSending(CURLcode code) {
  return code == CURLE_COULDNT_RESOLVE_HOST ||
         code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_COULDNT_CONNECT ||
         code == CURLE_SSL_CONNECT_ERROR ||
         code == CURLE_PEER_FAILED_VERIFICATION ||
         code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
}

// Whether curl's text may hold the URL of a proxy, and with it a password: it
// quotes one that it cannot use.
bool MayQuoteProxy(CURLcode code, absl::string_view text) {
  return code == CURLE_COULDNT_RESOLVE_PROXY ||
         absl::StrContains(text, "nsupported proxy") ||
         absl::StrContains(text, "@");
}

// What one exchange reads and writes.
struct Exchange {
  CURL* easy;
  const HttpRequest* request;
  const CurlOptions* options;
  HttpResponse response;
  bool sent = false;        // the request, or some of it
  bool headed = false;      // the reply's headers have come to their end
  uint64_t read_bytes = 0;  // of its stream
  absl::Status failure;     // why a callback stopped curl
};

size_t OnHeader(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const absl::string_view line =
      absl::StripAsciiWhitespace(absl::string_view(data, size));
  // A status line begins a reply anew: what came before it was a 100.
  if (absl::StartsWith(line, "HTTP/")) exchange.response.headers.clear();
  exchange.headed = line.empty();
  const size_t colon = line.find(':');
  if (colon != absl::string_view::npos) {
    exchange.response.headers.push_back(
        {absl::AsciiStrToLower(line.substr(0, colon)),
         std::string(absl::StripAsciiWhitespace(line.substr(colon + 1)))});
  }
  return size;
}

size_t OnBody(char* data, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (exchange.response.body.size() + size > exchange.options->max_body_bytes) {
    exchange.failure = MakeError(
        absl::StatusCode::kInternal,
        absl::StrCat(exchange.request->operation, ": a reply of more than ",
                     exchange.options->max_body_bytes, " bytes"),
        Reason::kUpstreamConnectionLost);
    return 0;
  }
  exchange.response.body.append(data, size);
  return size;
}

size_t OnRead(char* buffer, size_t, size_t size, void* user) {
  auto& exchange = *static_cast<Exchange*>(user);
  const HttpBody& body = *exchange.request->stream;
  auto read = body.read({buffer, size});
  if (read.ok()) {
    exchange.read_bytes += *read;
    const bool all = exchange.read_bytes == body.size_bytes;
    if (all && exchange.request->stall_timeout.count() > 0) {
      curl_easy_setopt(exchange.easy, CURLOPT_LOW_SPEED_TIME, kAnswerSeconds);
    }
    return *read;
  }
  exchange.failure = read.status();
  return CURL_READFUNC_ABORT;
}

// Asked before curl sends a request, and before it sends it again by itself
// because a connection that it had kept turned out to be dead.
int OnRequest(void* user, char*, char*, int, int) {
  auto& exchange = *static_cast<Exchange*>(user);
  const HttpRequest& request = *exchange.request;
  const bool again = std::exchange(exchange.sent, true);
  // A stream that has been read from cannot be read anew.
  if (!again || (request.repeatable && exchange.read_bytes == 0)) {
    return CURL_PREREQFUNC_OK;
  }
  exchange.failure = MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat(request.operation, " ", WithoutQuery(request.url),
                   ": the connection was lost before there was an answer"),
      Reason::kUpstreamConnectionLost);
  return CURL_PREREQFUNC_ABORT;
}

// How long a CA file that has changed may still be used as it was.
constexpr long kCaCacheSeconds = 60;

absl::Status Refusal(const HttpRequest& request, absl::StatusCode code,
                     absl::string_view why) {
  const bool store = absl::StartsWith(request.operation, "store");
  return MakeError(code, absl::StrCat(request.operation, ": ", why),
                   store ? Reason::kStoreRejected : Reason::kUpstreamRejected);
}

absl::Status RefusalOfAddress(const HttpRequest& request,
                              absl::string_view address) {
  return Refusal(request, absl::StatusCode::kPermissionDenied,
                 absl::StrCat("the URL leads to ", address,
                              ", a link-local or metadata address, where the "
                              "gateway sends nothing; --allow-address opens "
                              "link-local ones"));
}

curl_socket_t OnOpenSocket(void* user, curlsocktype, curl_sockaddr* address) {
  auto& exchange = *static_cast<Exchange*>(user);
  if (const std::string forbidden =
          ForbiddenAddress(address->addr, exchange.options->allowed_networks);
      !forbidden.empty()) {
    exchange.failure = RefusalOfAddress(*exchange.request, forbidden);
    return CURL_SOCKET_BAD;
  }
  return socket(address->family, address->socktype | SOCK_CLOEXEC,
                address->protocol);
}

}  // namespace

// One easy handle in a multi handle of its own: what curl_easy_perform makes
// inside, but a cancelled call can wake it.
class CurlHttpClient::Handle {
 public:
  explicit Handle(const CurlOptions& options)
      : multi_(curl_multi_init()),
        easy_(curl_easy_init()),
        resolve_(options.resolve.empty()
                     ? nullptr
                     : curl_slist_append(nullptr, options.resolve.c_str())) {}
  ~Handle() {
    curl_easy_cleanup(easy_);
    curl_multi_cleanup(multi_);
    curl_slist_free_all(resolve_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  absl::StatusOr<HttpResponse> Perform(const CallContext& context,
                                       const HttpRequest& request,
                                       const CurlOptions& options);

 private:
  template <typename T>
  void Set(CURLoption option, T value) {
    curl_easy_setopt(easy_, option, value);
  }
  // `bytes` stay where they are until the next one is set.
  void SetBlob(CURLoption option, const std::string& bytes) {
    curl_blob blob{const_cast<char*>(bytes.data()), bytes.size(),
                   CURL_BLOB_NOCOPY};
    Set(option, &blob);
  }
  void SetUp(const HttpRequest& request, const CurlOptions& options,
             Exchange& exchange);
  curl_slist* Headers(const HttpRequest& request);
  CURLcode Run(const CallContext& context);
  absl::Status Failure(CURLcode code, const CallContext& context,
                       const CurlOptions& options, const Exchange& exchange);

  CURLM* multi_;
  CURL* easy_;
  curl_slist* resolve_;
  std::shared_ptr<const TlsPems> shown_;  // to servers
  char error_[CURL_ERROR_SIZE] = "";
};

void CurlHttpClient::Handle::SetUp(const HttpRequest& request,
                                   const CurlOptions& options,
                                   Exchange& exchange) {
  curl_easy_reset(easy_);  // keeps the connections
  error_[0] = '\0';
  Set(CURLOPT_ERRORBUFFER, error_);
  Set(CURLOPT_NOSIGNAL, 1L);
  Set(CURLOPT_URL, request.url.c_str());
  Set(CURLOPT_PROTOCOLS_STR, "http,https");
  Set(CURLOPT_USERAGENT, options.user_agent.c_str());
  Set(CURLOPT_CONNECTTIMEOUT_MS,
      static_cast<long>(options.connect_timeout.count()));
  Set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  Set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  Set(CURLOPT_TCP_KEEPALIVE, 1L);
  Set(CURLOPT_TCP_KEEPIDLE, kKeepaliveIdleSeconds);
  Set(CURLOPT_TCP_KEEPINTVL, kKeepaliveIntervalSeconds);
  Set(CURLOPT_PATH_AS_IS, 1L);
  Set(CURLOPT_FOLLOWLOCATION, 0L);
  Set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_PROXY_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  Set(CURLOPT_CA_CACHE_TIMEOUT, kCaCacheSeconds);
  if (!options.ca_file.empty()) {
    Set(CURLOPT_CAINFO, options.ca_file.c_str());
    Set(CURLOPT_CAPATH, nullptr);
    Set(CURLOPT_PROXY_CAINFO, options.ca_file.c_str());
    Set(CURLOPT_PROXY_CAPATH, nullptr);
  }
  if (options.identity != nullptr) {
    shown_ = options.identity->Get();
    SetBlob(CURLOPT_SSLCERT_BLOB, shown_->certificate);
    SetBlob(CURLOPT_SSLKEY_BLOB, shown_->key);
  }
  if (!options.proxy.empty()) {
    Set(CURLOPT_PROXY, options.proxy == "off" ? "" : options.proxy.c_str());
  }
  if (resolve_ != nullptr) Set(CURLOPT_RESOLVE, resolve_);
  Set(CURLOPT_OPENSOCKETFUNCTION, OnOpenSocket);
  Set(CURLOPT_OPENSOCKETDATA, &exchange);
  Set(CURLOPT_HEADERFUNCTION, OnHeader);
  Set(CURLOPT_HEADERDATA, &exchange);
  Set(CURLOPT_WRITEFUNCTION, OnBody);
  Set(CURLOPT_WRITEDATA, &exchange);
  Set(CURLOPT_PREREQFUNCTION, OnRequest);
  Set(CURLOPT_PREREQDATA, &exchange);

  if (request.stream) {
    Set(CURLOPT_UPLOAD, 1L);
    Set(CURLOPT_UPLOAD_BUFFERSIZE, kUploadBuffer);
    Set(CURLOPT_READFUNCTION, OnRead);
    Set(CURLOPT_READDATA, &exchange);
    if (request.stream->size_bytes) {
      Set(CURLOPT_INFILESIZE_LARGE,
          static_cast<curl_off_t>(*request.stream->size_bytes));
    }
    if (request.stall_timeout.count() > 0) {
      Set(CURLOPT_LOW_SPEED_LIMIT, kStallBytesPerSecond);
      Set(CURLOPT_LOW_SPEED_TIME,
          static_cast<long>(request.stall_timeout.count()));
    }
  } else if (request.method == HttpMethod::kPut ||
             request.method == HttpMethod::kPost || !request.body.empty()) {
    Set(CURLOPT_POSTFIELDSIZE_LARGE,
        static_cast<curl_off_t>(request.body.size()));
    Set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  Set(CURLOPT_CUSTOMREQUEST, MethodName(request.method).data());
}

curl_slist* CurlHttpClient::Handle::Headers(const HttpRequest& request) {
  // curl would wait for a 100, and would name a form as the content.
  curl_slist* list = curl_slist_append(nullptr, "Expect:");
  bool has_content_type = false;
  for (const HttpHeader& header : request.headers) {
    has_content_type |= absl::EqualsIgnoreCase(header.name, "Content-Type");
    // "Name;" is how curl is told of a header with an empty value.
    const std::string line =
        header.value.empty() ? absl::StrCat(header.name, ";")
                             : absl::StrCat(header.name, ": ", header.value);
    list = curl_slist_append(list, line.c_str());
  }
  if (!has_content_type) list = curl_slist_append(list, "Content-Type:");
  if (request.stream && !request.stream->size_bytes) {
    list = curl_slist_append(list, "Transfer-Encoding: chunked");
  }
  return list;
}

CURLcode CurlHttpClient::Handle::Run(const CallContext& context) {
  CancelHook wake(context, [this] { curl_multi_wakeup(multi_); });
  int running = 1;
  while (true) {
    if (curl_multi_perform(multi_, &running) != CURLM_OK) {
      return CURLE_FAILED_INIT;
    }
    if (running == 0) break;
    if (!context.Over().ok()) return CURLE_ABORTED_BY_CALLBACK;
    const auto left = std::chrono::ceil<milliseconds>(context.Remaining());
    curl_multi_poll(multi_, nullptr, 0,
                    static_cast<int>(std::min(left, kLongestPoll).count()),
                    nullptr);
  }
  int queued = 0;
  const CURLMsg* message = curl_multi_info_read(multi_, &queued);
  return message != nullptr ? message->data.result : CURLE_FAILED_INIT;
}

absl::Status CurlHttpClient::Handle::Failure(CURLcode code,
                                             const CallContext& context,
                                             const CurlOptions& options,
                                             const Exchange& exchange) {
  if (!exchange.failure.ok()) return exchange.failure;
  const std::string where = absl::StrCat(exchange.request->operation, " ",
                                         WithoutQuery(exchange.request->url));
  // A connect timeout says "timed out" as a transfer that timed out does; only
  // the first has sent nothing.
  curl_off_t connected = 0;
  curl_easy_getinfo(easy_, CURLINFO_PRETRANSFER_TIME_T, &connected);
  const bool never_left =
      FailedBeforeSending(code) ||
      (code != CURLE_OK && connected == 0 && code != CURLE_FAILED_INIT);
  if (const absl::Status over = context.Over(); !over.ok()) {
    return MakeError(
        over.code(),
        absl::StrCat(where, ": ", over.message(), " while it was under way"),
        never_left ? Reason::kUpstreamUnreachable
                   : Reason::kUpstreamConnectionLost);
  }
  std::string why = error_[0] == '\0' || MayQuoteProxy(code, error_)
                        ? curl_easy_strerror(code)
                        : error_;
  if (!HasDescriptors(1)) why = NoDescriptorLeft();  // curl blames memory
  const std::string proxy = options.proxy.empty()
                                ? ProxyVariable(exchange.request->url)
                            : options.proxy == "off" ? ""
                                                     : "--proxy";
  return MakeError(
      absl::StatusCode::kUnavailable,
      absl::StrCat(where, proxy.empty() ? "" : " by way of ", proxy, ": ", why),
      never_left ? Reason::kUpstreamUnreachable
                 : Reason::kUpstreamConnectionLost);
}

absl::StatusOr<HttpResponse> CurlHttpClient::Handle::Perform(
    const CallContext& context, const HttpRequest& request,
    const CurlOptions& options) {
  Exchange exchange{.easy = easy_, .request = &request, .options = &options};
  SetUp(request, options, exchange);
  curl_slist* headers = Headers(request);
  Set(CURLOPT_HTTPHEADER, headers);
  curl_multi_add_handle(multi_, easy_);
  const CURLcode code = Run(context);
  long status = 0;
  curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  absl::Status failure;
  // A server may refuse before it has read all: its answer counts even if the
  // rest of the body could not be sent any more.
  const bool answered =
      exchange.headed &&
      (code == CURLE_OK || (code == CURLE_SEND_ERROR && status >= 300));
  // curl takes a reply that ends in the midst of its headers for a whole one.
  if (code == CURLE_OK && !exchange.headed) {
    exchange.failure = MakeError(
        absl::StatusCode::kUnavailable,
        absl::StrCat(request.operation, " ", WithoutQuery(request.url),
                     ": the connection ended amid the answer"),
        Reason::kUpstreamConnectionLost);
  }
  if (!answered) failure = Failure(code, context, options, exchange);
  curl_multi_remove_handle(multi_, easy_);
  curl_slist_free_all(headers);
  if (!answered) return failure;
  exchange.response.status = static_cast<int>(status);
  return std::move(exchange.response);
}

CurlHttpClient::CurlHttpClient(CurlOptions options)
    : options_(std::move(options)) {
  static const CURLcode initialised = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)initialised;
}

CurlHttpClient::~CurlHttpClient() = default;

absl::StatusOr<HttpResponse> CurlHttpClient::Send(const CallContext& context,
                                                  const HttpRequest& request) {
  if (const absl::Status over = context.Over(); !over.ok()) {
    return MakeError(over.code(),
                     absl::StrCat(request.operation, ": ", over.message(),
                                  " before it was sent"),
                     Reason::kUpstreamUnreachable);
  }
  if (NamesForbiddenHost(request.url, options_.allowed_networks)) {
    return RefusalOfAddress(request, "a metadata service");
  }
  if (options_.https_only && !absl::StartsWith(request.url, "https://")) {
    return Refusal(request, absl::StatusCode::kFailedPrecondition,
                   "its URL is plain http although lakeFS is https; "
                   "--allow-http-store permits that");
  }
  context.CountAttempt();
  std::unique_ptr<Handle> handle = Take();
  auto response = handle->Perform(context, request, options_);
  GiveBack(std::move(handle));
  return response;
}

std::unique_ptr<CurlHttpClient::Handle> CurlHttpClient::Take() {
  absl::MutexLock lock(&mu_);
  if (idle_.empty()) return std::make_unique<Handle>(options_);
  std::unique_ptr<Handle> handle = std::move(idle_.back());
  idle_.pop_back();
  return handle;
}

void CurlHttpClient::GiveBack(std::unique_ptr<Handle> handle) {
  absl::MutexLock lock(&mu_);
  idle_.push_back(std::move(handle));
}

}  // namespace lakefs::gateway
