// What every request passes: the journal and the faults.
#pragma once

#include <functional>
#include <string>

#include "absl/synchronization/notification.h"
#include "tests/emulator/content.h"
#include "tests/emulator/fault_plan.h"
#include "tests/emulator/http_message.h"
#include "tests/emulator/request_log.h"

namespace lakefs::gateway::testing {

// Carries out operations, or makes them fail as planned.
//
// Threads: Run may be called from any thread.
class FaultyService {
 public:
  // Carries out an operation whose request was read whole. `fault` is the one
  // to be carried out by the operation itself, or null: kConflictWithLocation
  // and kLoseWrite are nobody else's business.
  using Effect = std::function<HttpResponse(HttpRequest&, const Fault* fault)>;

  // The body of an error that a fault gives no body for, with its type.
  using ErrorBody = HttpResponse (*)(int status, absl::string_view message);

  // `keep_json`: whether JSON bodies belong into the journal. `policy`: what
  // becomes of the bytes of objects.
  FaultyService(FaultPlan& plan, RequestLog& log, ErrorBody error_body,
                bool keep_json, const ContentPolicy& policy);

  HttpResponse Run(HttpExchange& exchange, const std::string& operation,
                   const Effect& effect);

  // Ends all stalls and delays; what waited is reset.
  void Stop() { stopped_.Notify(); }

 private:
  HttpResponse Answer(HttpExchange& exchange, const std::string& operation,
                      const Fault* fault, const Effect& effect,
                      std::string& json, uint64_t& body_bytes);
  bool Read(HttpExchange& exchange, const std::string& operation,
            const Fault* fault);
  bool Wait(const Fault& fault);
  HttpExchange::Progress SlowProgress(const Fault& fault);
  HttpResponse Scripted(const Fault& fault) const;

  FaultPlan& plan_;
  RequestLog& log_;
  const ErrorBody error_body_;
  const bool keep_json_;
  const ContentPolicy policy_;
  absl::Notification stopped_;
};

}  // namespace lakefs::gateway::testing
