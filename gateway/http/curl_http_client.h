// The HTTP client that the program runs with: libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

struct CurlOptions {
  // Bound on name look-up, TCP and TLS together.
  std::chrono::milliseconds connect_timeout{5'000};

  // A reply's body over this is an error. 16 MiB: the largest known is the
  // 6 MB of 10,000 part URLs.
  size_t max_body_bytes = 16 << 20;

  // Sent as User-Agent.
  std::string user_agent = "lakefs-staging-gateway";
};

// Speaks HTTP/1.1 by libcurl, with connections kept open between requests.
//
// A connection belongs to a handle, and handles lie on a stack: the one used
// last is used next, so that there are no more connections than requests at a
// time.
class CurlHttpClient final : public HttpClient {
 public:
  explicit CurlHttpClient(CurlOptions options = {});
  ~CurlHttpClient() override;

  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    const HttpRequest& request) override;

 private:
  class Handle;

  std::unique_ptr<Handle> Take();
  void GiveBack(std::unique_ptr<Handle> handle);

  const CurlOptions options_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<Handle>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
