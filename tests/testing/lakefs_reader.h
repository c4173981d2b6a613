// Looks at a path without the gateway.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <optional>
#include <string>

#include "gateway/base/call_context.h"
#include "gateway/http/curl_http_client.h"
#include "gateway/lakefs/credentials.h"
#include "gateway/lakefs/rest_client.h"
#include "tests/emulator/emulator_options.h"

namespace lakefs::gateway::testing {

// Of the emulator with its default keys; of a real server with those in
// LAKECTL_CREDENTIALS_….
//
// Threads: one thread.
class LakefsReader {
 public:
  LakefsReader(const std::string& endpoint, std::string repository,
               bool is_real = false)
      : repository_(std::move(repository)),
        keys_(KeysOf(is_real)),
        rest_({.endpoint = endpoint}, http_, keys_) {}

  // What stands at the path of "main"; nothing also where lakeFS did not say.
  std::optional<ObjectStats> Stat(const std::string& path) {
    const CallContext context(clock_, clock_.Now() + std::chrono::seconds(60),
                              "reader");
    return rest_.StatObject(context, {repository_, "main", path})
        .value_or(std::nullopt);
  }

 private:
  static FixedCredentials KeysOf(bool is_real) {
    const EmulatorOptions defaults;
    if (!is_real) {
      return FixedCredentials::Keys(defaults.access_key_id,
                                    defaults.secret_access_key);
    }
    return FixedCredentials::Keys(
        std::getenv("LAKECTL_CREDENTIALS_ACCESS_KEY_ID"),
        std::getenv("LAKECTL_CREDENTIALS_SECRET_ACCESS_KEY"));
  }

  const std::string repository_;
  RealClock clock_;
  CurlHttpClient http_;
  FixedCredentials keys_;
  RestClient rest_;
};

}  // namespace lakefs::gateway::testing
