#include "gateway/server/admin/admin.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "gateway/server/admin/bounded_http_server.h"

namespace lakefs::gateway {
namespace {

// Who runs on this machine. Proxies of meshes connect from there too, for
// others; that of Istio does so by an address of its own.
bool IsLoopback(absl::string_view address) {
  absl::ConsumePrefix(&address, "::ffff:");
  return address == "::1" ||
         (absl::StartsWith(address, "127.") && address != "127.0.0.6");
}

void AnswerQuit(const std::function<void()>& quit,
                const httplib::Request& request, httplib::Response& response) {
  const char* refusal = nullptr;
  if (!quit) {
    refusal = "only with --allow-quit\n";
  } else if (!IsLoopback(request.remote_addr)) {
    refusal = "only from loopback\n";
  }
  if (refusal != nullptr) response.status = 403;
  response.set_content(refusal != nullptr ? refusal : "draining\n",
                       "text/plain");
  if (refusal == nullptr) quit();
}

// Listens there; `port` becomes the one found where it is 0.
bool Bind(httplib::Server& server, const std::string& host, int& port) {
  if (port != 0) return server.bind_to_port(host, port);
  port = std::max(0, server.bind_to_any_port(host));
  return port > 0;
}

void AnswerReadiness(Readiness& readiness, httplib::Response& response) {
  const auto [verdict, message] = readiness.Look();
  const bool ready = verdict == Readiness::Verdict::kReady;
  response.status = ready ? 200 : 503;
  // A message holds no control characters.
  const std::string why =
      message.empty()
          ? ""
          : absl::StrCat(
                ",\"message\":\"",
                absl::StrReplaceAll(message, {{"\\", "\\\\"}, {"\"", "\\\""}}),
                "\"");
  response.set_content(
      absl::StrCat("{\"ready\":", ready ? "true" : "false", ",\"reason\":\"",
                   ReadinessName(verdict), "\"", why, "}\n"),
      "application/json");
}

}  // namespace

struct Admin::Parts {
  BoundedHttpServer server;
  std::thread thread;
};

Admin::Admin() : parts_(std::make_unique<Parts>()) {}

absl::StatusOr<std::unique_ptr<Admin>> Admin::Start(
    const std::string& listen, const Metrics& metrics, Readiness& readiness,
    std::function<void()> quit) {
  auto admin = std::unique_ptr<Admin>(new Admin);
  httplib::Server& server = admin->parts_->server;
  server.Get("/metrics", [&metrics](const auto&, httplib::Response& response) {
    response.set_content(metrics.Text(), "text/plain; version=0.0.4");
  });
  server.Get("/healthz", [](const auto&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });
  server.Get("/readyz", [&readiness](const auto&, httplib::Response& response) {
    AnswerReadiness(readiness, response);
  });
  server.Post("/quitquitquit",
              [quit = std::move(quit)](const httplib::Request& request,
                                       httplib::Response& response,
                                       const httplib::ContentReader& body) {
                // httplib would wait for a body where the request says nothing
                // of one, as that of `curl -X POST`.
                const bool has_body = request.has_header("Content-Length") ||
                                      request.has_header("Transfer-Encoding");
                if (has_body && !body([](const char*, size_t) { return true; }))
                  return;
                AnswerQuit(quit, request, response);
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
  // A wildcard is that of IPv6 and IPv4 together, where there is both.
  errno = 0;  // a name that cannot be resolved leaves it so
  const bool bound = (host == "0.0.0.0" && Bind(server, "::", port)) ||
                     Bind(server, host, port);
  if (!bound) {
    return absl::UnavailableError(
        absl::StrCat("--admin-listen=", listen, ": cannot listen there",
                     errno == 0 ? "" : absl::StrCat(": ", std::strerror(errno)),
                     "; take another port, such as 0 for any, or off"));
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
