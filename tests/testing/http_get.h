// Plain HTTP requests of tests.
#pragma once

#include <string>

#include "gateway/http/curl_http_client.h"

namespace lakefs::gateway::testing {

// Status and body; status 0 and the error's text if there was no answer.
inline std::pair<int, std::string> Fetch(const std::string& url,
                                         HttpMethod method = HttpMethod::kGet) {
  static RealClock clock;
  static CurlHttpClient client;
  const CallContext context(clock, clock.Now() + std::chrono::seconds(20),
                            "test");
  const auto response =
      client.Send(context, {.operation = "test", .method = method, .url = url});
  if (!response.ok()) return {0, std::string(response.status().message())};
  return {response->status, response->body};
}

}  // namespace lakefs::gateway::testing
