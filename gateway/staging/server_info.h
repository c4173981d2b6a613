// What is known of the lakeFS server, asked once in a while.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/backoff.h"
#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway {

// Caches the configuration of a server, and what it tells of repositories. A
// server is upgraded under a running gateway, so that it is asked again every
// five minutes; a repository may be deleted and made anew in another store, so
// that it is asked for every minute, and before anything is refused for what
// was known of it.
//
// Threads: all methods may be called from any thread.
class ServerInfo {
 public:
  enum class Age { kLately, kNow };

  ServerInfo(LakefsApi& lakefs, RetryBudget& budget,
             std::chrono::seconds max_age = std::chrono::minutes(5),
             std::chrono::seconds repository_max_age = std::chrono::minutes(1));

  // The configuration as to the repository's store. The repository is asked for
  // only where the server has several.
  //
  // Errors: those of LakefsApi; INTERNAL, UPSTREAM_REJECTED if the server does
  // not list the store. Blocking: until lakeFS answers, bounded by the call;
  // transient failures are repeated.
  absl::StatusOr<ServerConfig> Get(const CallContext& context,
                                   const std::string& repository,
                                   absl::BitGenRef random,
                                   Age age = Age::kLately);

  // The same of all stores.
  absl::StatusOr<ServerConfigs> GetAll(const CallContext& context,
                                       absl::BitGenRef random,
                                       Age age = Age::kLately);

  // What a caller learned by rights of his own is not told to others.
  // Errors and blocking: as above.
  absl::StatusOr<Repository> GetRepository(const CallContext& context,
                                           const std::string& repository,
                                           absl::BitGenRef random,
                                           Age age = Age::kLately);

 private:
  template <typename T>
  struct Known {
    T value;
    TimePoint asked;
  };

  LakefsApi& lakefs_;
  RetryBudget& budget_;
  const std::chrono::seconds max_age_;
  const std::chrono::seconds repository_max_age_;
  absl::Mutex mu_;
  std::optional<Known<ServerConfigs>> configs_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, Known<Repository>> repositories_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
