// What the gateway speaks to.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "gateway/base/backoff.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/http/metered_http_client.h"
#include "gateway/http/tls_identity.h"
#include "gateway/lakefs/rest_client.h"
#include "gateway/metrics/metrics.h"
#include "gateway/objectstore/presigned_store.h"
#include "gateway/settings/settings.h"
#include "gateway/staging/transfer/own_ways.h"

namespace lakefs::gateway {

// Ways of the gateway's own to the stores, as far as it was given them.
struct OwnStores {
  struct Store {
    Store(const StoreSettings& settings, const StoreOptions& options,
          HttpClient& http);

    // Null if there are no settings for it.
    std::unique_ptr<ObjectStore> direct_s3;
    std::unique_ptr<ObjectStore> local_file;
  };

  OwnStores(const Settings& settings, HttpClient& http);
  OwnWaysByStore Ways() const;

  Store usual;
  std::map<std::string, Store> by_blockstore_id;
};

// lakeFS, the stores behind it, and the ways there, as the settings have them.
struct Upstream {
  // Errors: INVALID_ARGUMENT, with the setting's name, if a file that it names
  // is not what it should be.
  static absl::StatusOr<std::unique_ptr<Upstream>> Open(
      const Settings& settings, const Clock& clock, Metrics& metrics);

  // Of HTTP, with whom the gateway is to those it calls (null: nobody).
  struct Client {
    Client(const Settings& settings, std::unique_ptr<TlsIdentity> identity,
           Metrics& metrics);

    const std::unique_ptr<TlsIdentity> identity;
    CurlHttpClient curl;
    MeteredHttpClient http;
  };

  Upstream(const Settings& settings, const Clock& clock, Metrics& metrics,
           std::unique_ptr<Client> client,
           std::unique_ptr<Credentials> credentials);

  const std::unique_ptr<Client> client;
  const std::unique_ptr<Credentials> credentials;
  RestClient lakefs;
  PresignedStore presigned_store;
  OwnStores own_stores;
  RetryBudget lakefs_budget;
  RetryBudget store_budget;
};

}  // namespace lakefs::gateway
