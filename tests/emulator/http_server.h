// An HTTP/1.1 server that can misbehave on purpose.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// Serves one handler on one port, a thread for each connection,
// so that hundreds of stalled requests keep nobody else waiting.
//
// Threads: the handler is called from many threads at once.
class HttpServer {
 public:
  using Handler = std::function<HttpResponse(HttpExchange&)>;

  explicit HttpServer(Handler handler);
  ~HttpServer();  // Stops.

  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Listens on `port` of `host`, or on a free one if it is 0.
  //
  // Errors: UNAVAILABLE names the host and port that could not be had.
  absl::Status Start(const std::string& host, int port);

  // Shuts all connections and waits for their threads. Handlers that wait for
  // something must have been told before.
  void Stop();

  // The port listened on; 0 before Start.
  int port() const;

 private:
  class Engine;
  Handler handler_;
  std::unique_ptr<Engine> engine_;
};

}  // namespace lakefs::gateway::testing
