// Credentials that somebody else keeps fresh.
#pragma once

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gateway/lakefs/credentials.h"
#include "gateway/metrics/metrics.h"

namespace lakefs::gateway {

// An access key of lakeFS.
struct AccessKey {
  std::string id;
  std::string secret;  // a secret
};

// The one in a file with the lines LAKECTL_CREDENTIALS_ACCESS_KEY_ID=… and
// LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY=….
//
// Errors: as CredentialsFile::Open.
absl::StatusOr<AccessKey> ReadAccessKey(const std::string& path);

// The token or the keys in a file. It is read again every few seconds, and at
// once when lakeFS refuses what it held. A file that has become unusable, or
// readable to strangers, is reported, and what was good goes on.
class CredentialsFile final : public Credentials {
 public:
  enum class Kind {
    kToken,  // a bearer token and nothing else
    kKeys,   // as ReadAccessKey takes them
  };

  // Errors: INVALID_ARGUMENT if the file cannot be read, holds something else,
  // or is open to others.
  static absl::StatusOr<std::unique_ptr<CredentialsFile>> Open(
      std::string path, Kind kind, const Clock& clock, Metrics& metrics);

  absl::StatusOr<HttpHeader> Get(const CallContext& context) override;
  bool Renew(const CallContext& context, const HttpHeader& refused) override;

 private:
  CredentialsFile(std::string path, Kind kind, const Clock& clock,
                  Metrics& metrics)
      : path_(std::move(path)), kind_(kind), clock_(clock), metrics_(metrics) {}
  absl::Status Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadAgain() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  const Kind kind_;
  const Clock& clock_;
  Metrics& metrics_;
  absl::Mutex mu_;
  HttpHeader header_ ABSL_GUARDED_BY(mu_);
  TimePoint read_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
