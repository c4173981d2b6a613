// AWS Signature Version 4: making and checking it.
#pragma once

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// Signs as S3 does it, in the region us-east-1, and is as strict as S3 when it
// checks.
//
// Source: AWS General Reference, "Signature Version 4 signing process",
// "Authenticating Requests: Using Query Parameters" of the S3 API; answers of
// MinIO to headers that are named and not sent.
class SigV4 {
 public:
  enum class Verdict {
    kGood,
    kMissing,    // There is no signature.
    kMismatch,   // It is of another request.
    kExpired,    // The URL's time is over.
    kNotYet,     // The URL's time has not begun.
    kSkewed,     // The request's date is too far from the store's.
    kNoPayload,  // x-amz-content-sha256 is missing.
    kNamedOnly,  // A header is named as signed and was not sent.
    kSentOnly,   // A header that has to be signed was sent and is not named.
  };
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
  // x-amz-content-sha256; signs the headers that are named and no others.
  std::string Authorization(const HttpRequest& request,
                            absl::string_view signed_headers =
                                "host;x-amz-content-sha256;x-amz-date") const;

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
