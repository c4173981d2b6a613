// A bearer token that somebody else keeps fresh.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/lakefs/credentials.h"
#include "gateway/metrics/metrics.h"

namespace lakefs::gateway {

// The token in a file. It is read again every few seconds, and at once when
// lakeFS refuses what it held. A file that has become unreadable, or readable
// to strangers, is reported, and the last good token goes on.
class TokenFile final : public Credentials {
 public:
  // Errors: INVALID_ARGUMENT if the file cannot be read, is empty, or is open
  // to others.
  static absl::StatusOr<std::unique_ptr<TokenFile>> Open(std::string path,
                                                         const Clock& clock,
                                                         Metrics& metrics);

  absl::StatusOr<HttpHeader> Get(const CallContext& context) override;
  bool Renew(const CallContext& context, const HttpHeader& refused) override;

 private:
  TokenFile(std::string path, const Clock& clock, Metrics& metrics)
      : path_(std::move(path)), clock_(clock), metrics_(metrics) {}
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  const Clock& clock_;
  Metrics& metrics_;
  absl::Mutex mu_;
  std::string value_ ABSL_GUARDED_BY(mu_);
  TimePoint read_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
