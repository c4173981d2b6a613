// The HTTP client that the program runs with: libcurl.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/network.h"
#include "gateway/http/http_client.h"
#include "gateway/http/tls_identity.h"

namespace lakefs::gateway {

struct CurlOptions {
  // Bound on name look-up, TCP and TLS together.
  std::chrono::milliseconds connect_timeout{5'000};

  // A reply's body over this is an error. 16 MiB: the largest known is the
  // 6 MB of 10,000 part URLs.
  size_t max_body_bytes = 16 << 20;

  // Sent as User-Agent.
  std::string user_agent = "lakefs-staging-gateway";

  // PEM file of the authorities to trust; empty: the system's. It is read again
  // for new connections.
  std::string ca_file;

  // The certificate to show; null: none. Has to outlive the client.
  const TlsIdentity* identity = nullptr;

  // "http(s)://HOST:PORT"; empty: https_proxy, http_proxy and no_proxy of the
  // environment; "off": none.
  std::string proxy;

  // "HOST:PORT:ADDRESS" instead of what DNS says of a host; for tests.
  std::string resolve;

  // Link-local networks that may be called (forbidden_address.h).
  std::vector<Network> allowed_networks;

  // Refuses to send anything without TLS.
  bool https_only = false;
};

// Speaks HTTP/1.1 by libcurl, with connections kept open between requests.
//
// A connection belongs to a handle, and handles lie on a stack: the one used
// last is used next, so that there are no more connections than requests at a
// time.
//
// TLS is 1.2 at least; redirects are not followed; and nothing is sent to the
// addresses of forbidden_address.h: that is PERMISSION_DENIED,
// UPSTREAM_REJECTED or, of the store, STORE_REJECTED.
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
