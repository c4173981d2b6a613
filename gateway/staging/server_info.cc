#include "gateway/staging/server_info.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/staging/repeat.h"

namespace lakefs::gateway {
namespace {

// Repositories that are remembered; past it, all are forgotten.
constexpr size_t kMaxRepositories = 1024;

// Of the store `id`; one that is not named is the usual one, if there is any.
std::optional<ServerConfig> OfStore(const ServerConfigs& configs,
                                    const std::string& id) {
  for (const ServerConfig& config : configs.listed) {
    if (config.blockstore_id == id) return config;
  }
  return id.empty() ? configs.usual : std::nullopt;
}

// The failure of a question that only a server with several stores needs.
absl::Status NeedsRepository(const absl::Status& failure) {
  if (ReasonOf(failure) != Reason::kPermissionDenied) return failure;
  return Annotate(failure,
                  "this lakeFS has several stores, and only who may read the "
                  "repository (fs:ReadRepository) learns which is its own");
}

}  // namespace

ServerInfo::ServerInfo(LakefsApi& lakefs, RetryBudget& budget,
                       std::chrono::seconds max_age,
                       std::chrono::seconds repository_max_age)
    : lakefs_(lakefs),
      budget_(budget),
      max_age_(max_age),
      repository_max_age_(repository_max_age) {}

absl::StatusOr<ServerConfig> ServerInfo::Get(const CallContext& context,
                                             const std::string& repository,
                                             absl::BitGenRef random, Age age) {
  auto configs = GetAll(context, random);
  if (!configs.ok()) return configs.status();
  if (configs->listed.empty()) return *configs->usual;
  if (configs->listed.size() == 1) return configs->listed.front();
  const auto found = GetRepository(context, repository, random, age);
  if (!found.ok()) return NeedsRepository(found.status());
  auto config = OfStore(*configs, found->storage_id);
  if (!config) {  // it may have come since
    configs = GetAll(context, random, Age::kNow);
    if (!configs.ok()) return configs.status();
    config = OfStore(*configs, found->storage_id);
  }
  if (config) return *config;
  return MakeError(absl::StatusCode::kInternal,
                   absl::StrCat("repository ", repository,
                                " is in the store \"", found->storage_id,
                                "\", which lakeFS does not list among its own"),
                   Reason::kUpstreamRejected);
}

absl::StatusOr<ServerConfigs> ServerInfo::GetAll(const CallContext& context,
                                                 absl::BitGenRef random,
                                                 Age age) {
  if (age == Age::kLately) {
    absl::MutexLock lock(&mu_);
    if (configs_ && context.clock().Now() - configs_->asked < max_age_) {
      return configs_->value;
    }
  }
  auto configs = Repeat(context, budget_, random,
                        [&] { return lakefs_.GetConfig(context); });
  if (configs.ok()) {
    absl::MutexLock lock(&mu_);
    configs_ = {*configs, context.clock().Now()};
  }
  return configs;
}

absl::StatusOr<Repository> ServerInfo::GetRepository(
    const CallContext& context, const std::string& repository,
    absl::BitGenRef random, Age age) {
  const bool shared = context.authorization().empty();
  if (shared && age == Age::kLately) {
    absl::MutexLock lock(&mu_);
    const auto known = repositories_.find(repository);
    if (known != repositories_.end() &&
        context.clock().Now() - known->second.asked < repository_max_age_) {
      return known->second.value;
    }
  }
  auto found = Repeat(context, budget_, random, [&] {
    return lakefs_.GetRepository(context, repository);
  });
  if (found.ok() && shared) {
    absl::MutexLock lock(&mu_);
    if (repositories_.size() >= kMaxRepositories) repositories_.clear();
    repositories_[repository] = {*found, context.clock().Now()};
  }
  return found;
}

}  // namespace lakefs::gateway
