// Credentials that lakeFS gives out for an access key.
#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/lakefs/credentials.h"
#include "gateway/lakefs/credentials_file.h"
#include "gateway/metrics/metrics.h"

namespace lakefs::gateway {

struct LoginOptions {
  std::string endpoint;  // as RestClientOptions::endpoint
  AccessKey key;
  // Where the key is read again before each login; empty: nowhere. One that has
  // become unusable is reported, and the key that was good goes on.
  std::string key_file;
  // Sends the session's cookie instead of the bearer token.
  bool cookie = false;
};

// Logs in at the first use, again when a tenth of the session's life is left,
// and when lakeFS refuses it. Only the login carries the key.
//
// While one call logs in, others go on with the session that there is; without
// one they wait. A login that failed is not repeated for a second, which is
// also what its error asks those to wait who repeat theirs.
class Login final : public Credentials {
 public:
  Login(LoginOptions options, HttpClient& http, Metrics& metrics);

  absl::StatusOr<HttpHeader> Get(const CallContext& context) override;
  bool Renew(const CallContext& context, const HttpHeader& refused) override;

 private:
  struct Session {
    HttpHeader header;
    TimePoint renew_at;
    TimePoint ends_at;
  };
  absl::StatusOr<Session> LogIn(const CallContext& context,
                                const AccessKey& key);
  absl::Status FailureFor(const CallContext& context) const
      ABSL_SHARED_LOCKS_REQUIRED(mu_);
  // Logs in, unless another does; then waits for that if there is nothing else.
  void Refresh(const CallContext& context) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadKeyAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const LoginOptions options_;
  const std::string url_;
  HttpClient& http_;
  Metrics& metrics_;
  absl::Mutex mu_;
  AccessKey key_ ABSL_GUARDED_BY(mu_);
  bool logging_in_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<Session> session_ ABSL_GUARDED_BY(mu_);
  absl::Status failure_ ABSL_GUARDED_BY(mu_);  // of the last login
  TimePoint failed_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
