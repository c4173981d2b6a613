// What is known of the lakeFS server, asked once in a while.
#pragma once

#include <chrono>
#include <optional>

#include "absl/base/thread_annotations.h"
#include "absl/random/bit_gen_ref.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/backoff.h"
#include "gateway/lakefs/lakefs_api.h"

namespace lakefs::gateway {

// Caches the configuration of a server. A server is upgraded under a running
// gateway, so it is asked again every five minutes.
//
// Threads: all methods may be called from any thread.
class ServerInfo {
 public:
  ServerInfo(LakefsApi& lakefs, RetryBudget& budget,
             std::chrono::seconds max_age = std::chrono::minutes(5));

  // Errors: those of LakefsApi. Blocking: until lakeFS answers, bounded by the
  // call; transient failures are repeated.
  absl::StatusOr<ServerConfig> Get(const CallContext& context,
                                   absl::BitGenRef random);

 private:
  LakefsApi& lakefs_;
  RetryBudget& budget_;
  const std::chrono::seconds max_age_;
  absl::Mutex mu_;
  std::optional<ServerConfig> config_ ABSL_GUARDED_BY(mu_);
  TimePoint asked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
