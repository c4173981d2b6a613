// AWS Signature Version 4: making and checking it.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// Signs as S3 does it, in the region us-east-1.
//
// Source: AWS General Reference, "Signature Version 4 signing process", and
// "Authenticating Requests: Using Query Parameters" of the S3 API.
class SigV4 {
 public:
  enum class Verdict { kGood, kMissing, kMismatch, kExpired };
  using Time = std::chrono::system_clock::time_point;

  SigV4(std::string access_key_id, std::string secret_access_key);

  // The presigned URL for `method` on http://HOST/PATH with these further
  // parameters. `path` is not encoded and begins with '/'. Only `host` is
  // signed, and no payload.
  std::string Presign(absl::string_view method, absl::string_view host,
                      absl::string_view path,
                      std::map<std::string, std::string> query, Time now,
                      std::chrono::seconds lifetime) const;

  // The Authorization header for a request with its host, x-amz-date and
  // x-amz-content-sha256; signs these and no others.
  std::string Authorization(const HttpRequest& request) const;

  // Checks a request that was signed in its query or in its Authorization
  // header, with the clock at `now`.
  Verdict Verify(const HttpRequest& request, Time now) const;

 private:
  Verdict VerifyQuery(const HttpRequest& request, Time now) const;
  Verdict VerifyHeader(const HttpRequest& request, Time now) const;
  std::string Signature(absl::string_view canonical_request,
                        absl::string_view date_time) const;

  const std::string access_key_id_;
  const std::string secret_access_key_;
};

}  // namespace lakefs::gateway::testing
