#include "gateway/lakefs/credentials.h"

#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace lakefs::gateway {

Credentials Credentials::Keys(absl::string_view access_key_id,
                              absl::string_view secret_access_key) {
  return Credentials(
      absl::StrCat("Basic ", absl::Base64Escape(absl::StrCat(
                                 access_key_id, ":", secret_access_key))),
      "");
}

Credentials Credentials::Token(absl::string_view token) {
  return Credentials(absl::StrCat("Bearer ", token), "");
}

Credentials Credentials::TokenFile(std::string path) {
  return Credentials("", std::move(path));
}

Credentials::Credentials(std::string authorization, std::string token_file)
    : token_file_(std::move(token_file)),
      authorization_(std::move(authorization)) {}

Credentials::Credentials(Credentials&& other) noexcept
    : token_file_(other.token_file_), authorization_(other.Authorization()) {}

std::string Credentials::Authorization() {
  absl::MutexLock lock(&mu_);
  if (authorization_.empty()) Read();
  return authorization_;
}

bool Credentials::Refresh(absl::string_view refused) {
  absl::MutexLock lock(&mu_);
  if (authorization_ == refused) Read();
  return !authorization_.empty() && authorization_ != refused;
}

void Credentials::Read() {
  if (token_file_.empty()) return;
  std::ifstream file(token_file_);
  const std::string token{std::istreambuf_iterator<char>(file), {}};
  const auto trimmed = absl::StripAsciiWhitespace(token);
  if (!trimmed.empty()) authorization_ = absl::StrCat("Bearer ", trimmed);
}

}  // namespace lakefs::gateway
