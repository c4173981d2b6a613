#include "tests/emulator/dialect_traits.h"

#include <array>

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;

constexpr DialectTraits kV1_84 = {
    .name = "v1.84",
    .version = "1.84.0",
    .has_config = true,
    .has_presign = true,
    .has_presign_expiry = true,
    .has_multipart = true,
    .has_part_urls = true,
    .max_parts = 10'000,
    .has_token = false,
    .signs_addresses = true,
    .single_use = false,
    .link_deadline = hours(24),
    .checks_branch_early = false,
    .has_condition = true,
    .has_if_match = true,
    .has_mtime = true,
    .cleans_checksum = true,
    .relative_link_reply = false,
    .has_read_only = true,
    .protected_branch_status = 403,
    .too_many_tries_status = 429,
    .unknown_endpoint_status = 404,
    .uploads_octet_stream = true,
    .login_expiry = true,
    .jwt_is_cookie = false,
    .cookie_name = "internal_auth_session",
};

}  // namespace

const DialectTraits& TraitsOf(Dialect dialect) {
  switch (dialect) {
    case Dialect::kV0_66:
    case Dialect::kV0_101:
    case Dialect::kV1_21:
    case Dialect::kV1_84:
      break;
  }
  return kV1_84;
}

std::optional<Dialect> ParseDialect(absl::string_view name) {
  for (Dialect dialect :
       {Dialect::kV0_66, Dialect::kV0_101, Dialect::kV1_21, Dialect::kV1_84}) {
    if (TraitsOf(dialect).name == name) return dialect;
  }
  return std::nullopt;
}

}  // namespace lakefs::gateway::testing
