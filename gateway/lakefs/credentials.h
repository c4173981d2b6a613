// Who the gateway is to lakeFS.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "gateway/base/call_context.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// What authorizes a request to lakeFS. Its values are secrets: never log them.
//
// Threads: all methods may be called from any thread.
class Credentials {
 public:
  virtual ~Credentials() = default;

  // The header to send: Authorization, or Cookie.
  // Errors: UNAUTHENTICATED, CREDENTIALS_REJECTED if there is nothing to send;
  // those of HttpClient::Send where lakeFS has to be asked.
  // Blocking: where it has to be asked, bounded by the call.
  virtual absl::StatusOr<HttpHeader> Get(const CallContext& context) = 0;

  // To be called when lakeFS refused `refused`. True if there is now another
  // one to try.
  virtual bool Renew(const CallContext& context, const HttpHeader& refused) = 0;
};

// Keys or a token that do not change.
class FixedCredentials final : public Credentials {
 public:
  // An access key of lakeFS (basic authentication).
  static FixedCredentials Keys(absl::string_view access_key_id,
                               absl::string_view secret_access_key);
  // A bearer token.
  static FixedCredentials Token(absl::string_view token);

  const HttpHeader& header() const { return header_; }
  absl::StatusOr<HttpHeader> Get(const CallContext&) override {
    return header_;
  }
  bool Renew(const CallContext&, const HttpHeader&) override { return false; }

 private:
  explicit FixedCredentials(std::string value)
      : header_{"Authorization", std::move(value)} {}

  const HttpHeader header_;
};

// The caller's own, from the metadata of its call, so that lakeFS's permissions
// and audit see who it is. Nothing of the gateway's own is ever sent instead.
class CallersCredentials final : public Credentials {
 public:
  absl::StatusOr<HttpHeader> Get(const CallContext& context) override;
  bool Renew(const CallContext&, const HttpHeader&) override { return false; }
};

}  // namespace lakefs::gateway
