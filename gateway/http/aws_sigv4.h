// AWS Signature Version 4, as S3 wants it.
#pragma once

#include <string>

#include "gateway/base/clock.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// Keys to S3. All but the region are secrets.
struct AwsKeys {
  std::string region;
  std::string access_key_id;
  std::string secret_access_key;
  std::string session_token;  // empty: none
};

// Signs a request that is otherwise complete, and will be sent as it stands:
// every header that it has is signed, and none that it has not. Adds Host (by
// the URL), X-Amz-Date, X-Amz-Content-Sha256, X-Amz-Security-Token if there is
// one, and Authorization.
//
// A body in one string, which is small, is signed with its bytes. A stream is
// not, since it is read only once: UNSIGNED-PAYLOAD.
//
// A signature is good for 15 minutes from `now`, so each attempt needs its own.
// Source: "Authenticating Requests: Using the Authorization Header" of the S3
// API reference.
void SignAwsSigV4(const AwsKeys& keys, WallTime now, HttpRequest& request);

// Signs what it sends by another client. Threads: as the other client.
class SigningHttpClient final : public HttpClient {
 public:
  SigningHttpClient(HttpClient& http, AwsKeys keys)
      : http_(http), keys_(std::move(keys)) {}

  absl::StatusOr<HttpResponse> Send(const CallContext& context,
                                    const HttpRequest& request) override;

 private:
  HttpClient& http_;
  const AwsKeys keys_;
};

}  // namespace lakefs::gateway
