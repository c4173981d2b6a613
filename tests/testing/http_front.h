// An HTTP server that stands before another one.
#pragma once

#include <httplib.h>
#include <openssl/ssl.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "gateway/http/curl_http_client.h"

namespace lakefs::gateway::testing {

struct HttpFrontOptions {
  // Where requests go on to, such as "http://127.0.0.1:8000". Empty: to the
  // URL that each names, as a proxy does.
  std::string upstream;

  // PEM files of the front's own TLS; without a certificate it is plain.
  std::string certificate;
  std::string key;
  std::string client_ca;  // empty: clients need no certificate

  // The newest version that is spoken, such as TLS1_1_VERSION; 0: any.
  int newest_tls = 0;

  // Replaced in the bodies of answers, such as the store's URL by that of its
  // own front.
  std::vector<std::pair<std::string, std::string>> rewrites;

  // Not empty: all requests are sent there by a 303, which needs no body to
  // be sent again; none goes on.
  std::string redirect;
};

// Hands requests on and answers back, by TLS or plain, on a port of loopback.
//
// Threads: all methods may be called from any thread.
class HttpFront {
 public:
  explicit HttpFront(HttpFrontOptions options);
  ~HttpFront();

  // Such as "https://127.0.0.1:1234".
  const std::string& url() const { return url_; }
  // How many requests came.
  int requests() const { return requests_; }

 private:
  void Serve(const httplib::Request& request, httplib::Response& response);

  const HttpFrontOptions options_;
  std::unique_ptr<httplib::Server> server_;
  RealClock clock_;
  CurlHttpClient client_{CurlOptions{.proxy = "off"}};
  std::string url_;
  std::atomic<int> requests_ = 0;
  std::thread thread_;
};

}  // namespace lakefs::gateway::testing
