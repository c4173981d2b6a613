// The admin port: plain HTTP for probes, scrapers and jobs.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/metrics/metrics.h"
#include "gateway/server/admin/readiness.h"

namespace lakefs::gateway {

// Serves, each request on a connection of its own:
//
//   GET  /metrics       the metrics, in the text format of Prometheus
//   GET  /healthz       200 while the process runs
//   GET  /readyz        200 if it can do its work, else 503; JSON
//                       {"ready": …, "reason": …} with a name of Readiness
//   POST /quitquitquit  ends the program as SIGTERM does; from loopback only,
//                       and only where it is switched on
//
// There is nothing secret in any answer. A scraper that stalls keeps no probe
// out (bounded_http_server.h).
class Admin {
 public:
  // Starts to serve on "HOST:PORT"; 0.0.0.0 and [::] stand for IPv6 and IPv4
  // together. `quit` is called for /quitquitquit; null switches that off.
  //
  // Errors: UNAVAILABLE, with the address in the message.
  static absl::StatusOr<std::unique_ptr<Admin>> Start(
      const std::string& listen, const Metrics& metrics, Readiness& readiness,
      std::function<void()> quit);
  // Ends all connections.
  ~Admin();

  // The address served, with the port that was found where 0 was asked for.
  const std::string& address() const { return address_; }

 private:
  struct Parts;
  Admin();

  std::string address_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace lakefs::gateway
