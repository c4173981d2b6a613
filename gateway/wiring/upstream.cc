#include "gateway/wiring/upstream.h"

#include "absl/strings/str_cat.h"
#include "gateway/lakefs/credentials_file.h"
#include "gateway/lakefs/login.h"
#include "gateway/objectstore/direct_s3_store.h"
#include "gateway/objectstore/local_store.h"

namespace lakefs::gateway {
namespace {

absl::StatusOr<std::unique_ptr<Credentials>> CredentialsOf(
    const Settings& settings, const Clock& clock, HttpClient& http,
    Metrics& metrics) {
  switch (settings.auth) {
    case AuthMode::kPassThrough:
      return std::make_unique<CallersCredentials>();
    case AuthMode::kLogin:
    case AuthMode::kCookie: {
      LoginOptions options{.endpoint = settings.lakefs_endpoint,
                           .key = {.id = settings.access_key_id,
                                   .secret = settings.secret_access_key},
                           .key_file = settings.credentials_file,
                           .cookie = settings.auth == AuthMode::kCookie};
      if (!options.key_file.empty()) {
        auto key = ReadAccessKey(options.key_file);
        if (!key.ok()) return key.status();
        options.key = *std::move(key);
      }
      return std::make_unique<Login>(std::move(options), http, metrics);
    }
    case AuthMode::kToken:
      if (!settings.token_file.empty()) {
        return CredentialsFile::Open(
            settings.token_file, CredentialsFile::Kind::kToken, clock, metrics);
      }
      return std::make_unique<FixedCredentials>(
          FixedCredentials::Token(settings.token));
    case AuthMode::kUnset:
    case AuthMode::kKeys:
      break;
  }
  if (!settings.credentials_file.empty()) {
    return CredentialsFile::Open(settings.credentials_file,
                                 CredentialsFile::Kind::kKeys, clock, metrics);
  }
  return std::make_unique<FixedCredentials>(FixedCredentials::Keys(
      settings.access_key_id, settings.secret_access_key));
}

CurlOptions UpstreamOf(const Settings& settings, const TlsIdentity* identity) {
  return {.ca_file = settings.ca_file,
          .identity = identity,
          .proxy = settings.proxy,
          .allowed_networks = settings.allow_address,
          .https_only = settings.lakefs_endpoint.starts_with("https://") &&
                        !settings.allow_http_store};
}

StoreOptions StoreOf(const Settings& settings) {
  return {.content_md5 = settings.content_md5};
}

OwnWays WaysOf(const OwnStores::Store& store) {
  return {.direct_s3 = store.direct_s3.get(),
          .local_file = store.local_file.get()};
}

}  // namespace

OwnStores::Store::Store(const StoreSettings& settings,
                        const StoreOptions& options, HttpClient& http) {
  if (!settings.s3_access_key_id.empty()) {
    direct_s3 = std::make_unique<DirectS3Store>(
        http, DirectS3Options{
                  .endpoint = settings.s3_endpoint,
                  .keys = {.region = settings.s3_region,
                           .access_key_id = settings.s3_access_key_id,
                           .secret_access_key = settings.s3_secret_access_key,
                           .session_token = settings.s3_session_token},
                  .store = options});
  }
  if (!settings.local_store.empty()) {
    local_file = std::make_unique<LocalStore>(LocalStoreOptions{
        .lakefs_root = settings.local_store, .mount = settings.local_mount});
  }
}

OwnStores::OwnStores(const Settings& settings, HttpClient& http)
    : usual(settings, StoreOf(settings), http) {
  for (const auto& [id, store] : settings.stores) {
    by_blockstore_id.emplace(
        std::piecewise_construct, std::forward_as_tuple(id),
        std::forward_as_tuple(store, StoreOf(settings), http));
  }
}

OwnWaysByStore OwnStores::Ways() const {
  OwnWaysByStore ways{.usual = WaysOf(usual)};
  for (const auto& [id, store] : by_blockstore_id) {
    ways.by_blockstore_id[id] = WaysOf(store);
  }
  return ways;
}

Upstream::Client::Client(const Settings& settings,
                         std::unique_ptr<TlsIdentity> own_identity,
                         Metrics& metrics)
    : identity(std::move(own_identity)),
      curl(UpstreamOf(settings, identity.get())),
      http(curl, metrics) {}

Upstream::Upstream(const Settings& settings, const Clock& clock,
                   Metrics& metrics, std::unique_ptr<Client> own_client,
                   std::unique_ptr<Credentials> own_credentials)
    : client(std::move(own_client)),
      credentials(std::move(own_credentials)),
      lakefs({.endpoint = settings.lakefs_endpoint,
              .local_roots = LocalRoots(settings)},
             client->http, *credentials),
      presigned_store(client->http, StoreOf(settings)),
      own_stores(settings, client->http),
      lakefs_budget({}, clock),
      store_budget({}, clock) {
  for (RetryBudget* budget : {&lakefs_budget, &store_budget}) {
    budget->SetObserver(
        [&metrics](RetryVerdict verdict) { metrics.RetryDecided(verdict); });
  }
}

absl::StatusOr<std::unique_ptr<Upstream>> Upstream::Open(
    const Settings& settings, const Clock& clock, Metrics& metrics) {
  if (!settings.ca_file.empty()) {
    const auto s = CheckAuthorities("ca-file", settings.ca_file);
    if (!s.ok()) return s;
  }
  auto identity = TlsIdentity::OpenIfGiven({.certificate = settings.client_cert,
                                            .key = settings.client_key,
                                            .settings = "client"});
  if (!identity.ok()) return identity.status();
  auto client =
      std::make_unique<Client>(settings, *std::move(identity), metrics);
  auto credentials = CredentialsOf(settings, clock, client->http, metrics);
  if (!credentials.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(settings.auth == AuthMode::kToken ? "--token-file="
                                                       : "--credentials-file=",
                     credentials.status().message()));
  }
  return std::make_unique<Upstream>(settings, clock, metrics, std::move(client),
                                    *std::move(credentials));
}

}  // namespace lakefs::gateway
