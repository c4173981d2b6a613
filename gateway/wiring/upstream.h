// What the gateway speaks to.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "gateway/base/backoff.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/http/metered_http_client.h"
#include "gateway/http/tls_identity.h"
#include "gateway/lakefs/rest_client.h"
#include "gateway/metrics/metrics.h"
#include "gateway/objectstore/presigned_store.h"
#include "gateway/settings/settings.h"

namespace lakefs::gateway {

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
  // Ways of the gateway's own; null if it was not given them.
  const std::unique_ptr<ObjectStore> direct_s3;
  const std::unique_ptr<ObjectStore> local_file;
  RetryBudget lakefs_budget;
  RetryBudget store_budget;
};

}  // namespace lakefs::gateway
