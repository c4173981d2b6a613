#include "tests/testing/http_front.h"

#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace lakefs::gateway::testing {
namespace {

bool SetUp(SSL_CTX& tls, const HttpFrontOptions& options) {
  // Old versions are only spoken at the lowest level of security.
  if (options.newest_tls != 0) {
    SSL_CTX_set_security_level(&tls, 0);
    SSL_CTX_set_min_proto_version(&tls, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(&tls, options.newest_tls);
  }
  if (!options.client_ca.empty()) {
    SSL_CTX_load_verify_locations(&tls, options.client_ca.c_str(), nullptr);
    SSL_CTX_set_verify(&tls, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       nullptr);
  }
  return SSL_CTX_use_certificate_chain_file(&tls,
                                            options.certificate.c_str()) == 1 &&
         SSL_CTX_use_PrivateKey_file(&tls, options.key.c_str(),
                                     SSL_FILETYPE_PEM) == 1;
}

std::unique_ptr<httplib::Server> ServerFor(const HttpFrontOptions& options) {
  if (options.certificate.empty()) return std::make_unique<httplib::Server>();
  return std::make_unique<httplib::SSLServer>(
      [&options](SSL_CTX& tls) { return SetUp(tls, options); });
}

HttpMethod MethodOf(const std::string& name) {
  if (name == "PUT") return HttpMethod::kPut;
  if (name == "POST") return HttpMethod::kPost;
  return name == "DELETE" ? HttpMethod::kDelete : HttpMethod::kGet;
}

// Headers of one connection, or that httplib adds.
bool StaysBehind(const std::string& name) {
  for (const char* one :
       {"host", "connection", "content-length", "transfer-encoding",
        "proxy-connection", "remote_addr", "remote_port", "local_addr",
        "local_port"}) {
    if (absl::EqualsIgnoreCase(name, one)) return true;
  }
  return false;
}

}  // namespace

HttpFront::HttpFront(HttpFrontOptions options)
    : options_(std::move(options)), server_(ServerFor(options_)) {
  const auto serve = [this](const httplib::Request& request,
                            httplib::Response& response) {
    Serve(request, response);
  };
  server_->Get(".*", serve);
  server_->Put(".*", serve);
  server_->Post(".*", serve);
  server_->Delete(".*", serve);
  const int port = server_->bind_to_any_port("127.0.0.1");
  EXPECT_GT(port, 0) << "no port, or the certificate cannot be used";
  url_ = absl::StrCat(options_.certificate.empty() ? "http" : "https",
                      "://127.0.0.1:", port);
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  while (!server_->is_running()) std::this_thread::yield();
}

HttpFront::~HttpFront() {
  server_->stop();
  thread_.join();
}

void HttpFront::Serve(const httplib::Request& request,
                      httplib::Response& response) {
  ++requests_;
  if (!options_.redirect.empty()) {
    return response.set_redirect(options_.redirect + request.target, 303);
  }
  HttpRequest onward{.operation = "front",
                     .method = MethodOf(request.method),
                     .url = options_.upstream + request.target,
                     .body = request.body};
  for (const auto& [name, value] : request.headers) {
    if (!StaysBehind(name)) onward.headers.push_back({name, value});
  }
  const CallContext context(clock_, clock_.Now() + std::chrono::seconds(30),
                            "front");
  const auto answer = client_.Send(context, onward);
  if (!answer.ok()) {
    response.status = 502;
    return;
  }
  response.status = answer->status;
  for (const HttpHeader& header : answer->headers) {
    if (!StaysBehind(header.name)) {
      response.set_header(header.name, header.value);
    }
  }
  response.body = absl::StrReplaceAll(answer->body, options_.rewrites);
}

}  // namespace lakefs::gateway::testing
