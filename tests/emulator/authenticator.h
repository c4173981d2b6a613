// Who may call lakeFS.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "tests/emulator/dialect_traits.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// What a login hands out.
struct Session {
  std::string token;       // A JWT, for `Authorization: Bearer`.
  int64_t expiration = 0;  // Seconds since the epoch.
  std::string set_cookie;  // The header's whole value.
};

// Knows the one user by Basic, Bearer and session cookie. A wrong
// Authorization header is not made good by a right cookie.
//
// Threads: all methods may be called from any thread.
class Authenticator {
 public:
  using Now = std::function<std::chrono::system_clock::time_point()>;

  Authenticator(const EmulatorOptions& options, const DialectTraits& traits,
                Now now);

  bool Knows(const HttpRequest& request) const;

  // nullopt: wrong credentials.
  std::optional<Session> Login(const std::string& access_key_id,
                               const std::string& secret_access_key) const;

 private:
  int64_t NowSeconds() const;
  std::string SignedJwt(int64_t now, int64_t expiration) const;
  bool IsGoodJwt(const std::string& token) const;
  bool IsGoodCookie(const std::string& value) const;

  const std::string access_key_id_;
  const std::string secret_access_key_;
  const DialectTraits& traits_;
  const Now now_;
  const std::string key_;
};

}  // namespace lakefs::gateway::testing
