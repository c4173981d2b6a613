// An HttpClient whose answers a test writes down.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "gateway/http/http_client.h"

namespace lakefs::gateway::testing {

// Gives the answers in order, and keeps the requests with their bodies read.
class FakeHttpClient final : public HttpClient {
 public:
  std::deque<absl::StatusOr<HttpResponse>> answers;
  std::vector<HttpRequest> requests;

  void Answer(int status, std::string body = "",
              std::vector<HttpHeader> headers = {}) {
    answers.push_back(HttpResponse{.status = status,
                                   .headers = std::move(headers),
                                   .body = std::move(body)});
  }

  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    const HttpRequest& request) override {
    context.CountAttempt();
    requests.push_back(request);
    if (request.stream) {
      char buffer[1 << 16];
      while (true) {
        const auto n = request.stream->read(buffer);
        if (!n.ok()) return n.status();
        if (*n == 0) break;
        requests.back().body.append(buffer, *n);
      }
    }
    if (answers.empty()) return absl::DataLossError("no answer was scripted");
    auto answer = std::move(answers.front());
    answers.pop_front();
    return answer;
  }
};

// The value of a header of a request; "" if it has none.
inline std::string HeaderOf(const HttpRequest& request,
                            const std::string& name) {
  for (const HttpHeader& header : request.headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

}  // namespace lakefs::gateway::testing
