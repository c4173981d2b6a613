// lakeFS's HTTP API.
#pragma once

#include <string>

#include "tests/emulator/backend.h"
#include "tests/emulator/faulty_service.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// Routes requests, checks them in lakeFS's order (document, credentials,
// operation) and carries them out.
//
// Threads: Handle may be called from any thread.
class LakefsApi {
 public:
  LakefsApi(Backend& backend, FaultPlan& plan, RequestLog& log);

  HttpResponse Handle(HttpExchange& exchange);

  // Ends stalls.
  void Stop() { service_.Stop(); }

 private:
  HttpResponse CarryOut(const Route& route, HttpRequest& request,
                        const Fault* fault);
  bool Has(const Route& route) const;

  Backend& backend_;
  FaultyService service_;
};

}  // namespace lakefs::gateway::testing
