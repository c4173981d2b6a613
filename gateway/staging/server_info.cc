#include "gateway/staging/server_info.h"

#include "gateway/staging/repeat.h"

namespace lakefs::gateway {

ServerInfo::ServerInfo(LakefsApi& lakefs, RetryBudget& budget,
                       std::chrono::seconds max_age)
    : lakefs_(lakefs), budget_(budget), max_age_(max_age) {}

absl::StatusOr<ServerConfig> ServerInfo::Get(const CallContext& context,
                                             absl::BitGenRef random) {
  {
    absl::MutexLock lock(&mu_);
    if (config_ && context.clock().Now() - asked_ < max_age_) return *config_;
  }
  auto config = Repeat(context, budget_, random,
                       [&] { return lakefs_.GetConfig(context); });
  if (config.ok()) {
    absl::MutexLock lock(&mu_);
    config_ = *config;
    asked_ = context.clock().Now();
  }
  return config;
}

}  // namespace lakefs::gateway
