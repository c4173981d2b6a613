// Counts what goes to lakeFS and to the object store.
#pragma once

#include "gateway/http/http_client.h"
#include "gateway/metrics/metrics.h"

namespace lakefs::gateway {

// Sends by another client, and counts each exchange by its operation, its time
// and the class of its answer; bytes of objects that were acknowledged too.
//
// Threads: as the other client.
class MeteredHttpClient final : public HttpClient {
 public:
  MeteredHttpClient(HttpClient& http, Metrics& metrics)
      : http_(http), metrics_(metrics) {}

  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    const HttpRequest& request) override;

 private:
  HttpClient& http_;
  Metrics& metrics_;
};

}  // namespace lakefs::gateway
