#include "tests/emulator/authenticator.h"

#include <nlohmann/json.hpp>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

constexpr int64_t kTokenLifeSeconds = 7 * 24 * 3600;

std::string Base64Url(absl::string_view text) {
  return absl::WebSafeBase64Escape(text);
}

}  // namespace

Authenticator::Authenticator(const EmulatorOptions& options,
                             const DialectTraits& traits, Now now)
    : access_key_id_(options.access_key_id),
      secret_access_key_(options.secret_access_key),
      traits_(traits),
      now_(std::move(now)),
      key_(absl::StrCat(std::random_device{}(), std::random_device{}())) {}

bool Authenticator::Knows(const HttpRequest& request) const {
  std::string header = request.Header("authorization");
  absl::string_view rest = header;
  if (absl::ConsumePrefix(&rest, "Basic ")) {
    std::string user;
    return absl::Base64Unescape(rest, &user) &&
           user == absl::StrCat(access_key_id_, ":", secret_access_key_);
  }
  if (absl::ConsumePrefix(&rest, "Bearer ")) {
    return IsGoodJwt(std::string(rest));
  }
  std::string cookies = request.Header("cookie");
  for (absl::string_view cookie : absl::StrSplit(cookies, "; ")) {
    if (absl::ConsumePrefix(&cookie, absl::StrCat(traits_.cookie_name, "="))) {
      return IsGoodCookie(std::string(cookie));
    }
  }
  return false;
}

std::optional<Session> Authenticator::Login(
    const std::string& access_key_id,
    const std::string& secret_access_key) const {
  if (access_key_id != access_key_id_ ||
      secret_access_key != secret_access_key_) {
    return std::nullopt;
  }
  int64_t now = NowSeconds();
  Session session;
  session.expiration = now + kTokenLifeSeconds;
  session.token = SignedJwt(now, session.expiration);
  std::string value = session.token;
  if (!traits_.jwt_is_cookie) {
    value = Base64Url(absl::StrCat(now, "|", session.token));
  }
  session.set_cookie =
      absl::StrCat(traits_.cookie_name, "=", value,
                   "; Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax");
  return session;
}

int64_t Authenticator::NowSeconds() const {
  return std::chrono::duration_cast<std::chrono::seconds>(
             now_().time_since_epoch())
      .count();
}

std::string Authenticator::SignedJwt(int64_t now, int64_t expiration) const {
  nlohmann::json claims = {{"iss", "auth"},
                           {"sub", "admin"},
                           {"aud", "login"},
                           {"iat", now},
                           {"exp", expiration}};
  std::string text = absl::StrCat(Base64Url(R"({"alg":"HS256","typ":"JWT"})"),
                                  ".", Base64Url(claims.dump()));
  return absl::StrCat(text, ".", Base64Url(HmacSha256(key_, text)));
}

bool Authenticator::IsGoodJwt(const std::string& token) const {
  size_t dot = token.rfind('.');
  if (dot == std::string::npos) return false;
  std::string text = token.substr(0, dot);
  if (token.substr(dot + 1) != Base64Url(HmacSha256(key_, text))) return false;
  std::vector<std::string> parts = absl::StrSplit(text, '.');
  std::string claims;
  if (parts.size() != 2 || !absl::WebSafeBase64Unescape(parts[1], &claims)) {
    return false;
  }
  auto json = nlohmann::json::parse(claims, nullptr, false);
  return json.is_object() && json.value("exp", int64_t{0}) > NowSeconds();
}

bool Authenticator::IsGoodCookie(const std::string& value) const {
  if (traits_.jwt_is_cookie) return IsGoodJwt(value);
  std::string text;
  if (!absl::WebSafeBase64Unescape(value, &text)) return false;
  size_t bar = text.find('|');
  return bar != std::string::npos && IsGoodJwt(text.substr(bar + 1));
}

}  // namespace lakefs::gateway::testing
