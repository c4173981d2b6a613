#include "gateway/lakefs/credentials.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// The longest that lakeFS's own server takes is in the same order.
constexpr size_t kMaxAuthorization = 8 << 10;

absl::Status Missing(absl::string_view what) {
  return MakeError(absl::StatusCode::kUnauthenticated, what,
                   Reason::kCredentialsRejected);
}

}  // namespace

FixedCredentials FixedCredentials::Keys(absl::string_view access_key_id,
                                        absl::string_view secret_access_key) {
  return FixedCredentials(absl::StrCat(
      "Basic ",
      absl::Base64Escape(absl::StrCat(access_key_id, ":", secret_access_key))));
}

FixedCredentials FixedCredentials::Token(absl::string_view token) {
  return FixedCredentials(absl::StrCat("Bearer ", token));
}

absl::StatusOr<HttpHeader> CallersCredentials::Get(const CallContext& context) {
  const std::string& value = context.authorization();
  if (value.empty()) {
    return Missing(
        "the call has no metadata \"authorization\", which this gateway passes "
        "on to lakeFS");
  }
  // What is no single line would be a header of its own.
  if (value.size() > kMaxAuthorization ||
      !std::all_of(value.begin(), value.end(), [](char c) {
        return absl::ascii_isprint(static_cast<unsigned char>(c));
      })) {
    return Missing("the metadata \"authorization\" of the call is not usable");
  }
  return HttpHeader{"Authorization", value};
}

}  // namespace lakefs::gateway
