#include "tests/emulator/dialect_traits.h"

namespace lakefs::gateway::testing {
namespace {

using std::chrono::hours;

constexpr DialectTraits kV0_66 = {
    .name = "v0.66",
    .version = "0.66.0",
    .has_config = false,
    .has_presign = false,
    .has_presign_expiry = false,
    .has_multipart = false,
    .has_part_urls = false,
    .max_parts = 0,
    .has_token = true,
    .address_form = AddressForm::kToken,
    .single_use = false,
    .checked_addresses = CheckedAddresses::kNone,
    .link_deadline = std::nullopt,
    .checks_branch_early = true,
    .has_condition = false,
    .upload_condition = UploadCondition::kExact,
    .skips_creates = false,
    .bad_condition_status = 0,
    .link_race = {},
    .upload_race = {},
    .has_if_match = false,
    .has_mtime = false,
    .cleans_checksum = false,
    .relative_link_reply = false,
    .needs_address = true,
    .has_read_only = false,
    .protected_branch_status = 500,
    .too_many_tries_status = 429,
    .unknown_endpoint_status = 500,
    .bad_branch_status = 500,
    .plain_upload_address = true,
    .uploads_octet_stream = false,
    .keeps_upload_metadata = false,
    .needs_filename = true,
    .has_preflight = false,
    .has_head = false,
    .keeps_content_type = false,
    .terse_validation = true,
    .has_login_expiry = false,
    .terse_login_refusal = true,
    .jwt_is_cookie = true,
    .cookie_name = "access_token",
};

constexpr DialectTraits kV0_101 = {
    .name = "v0.101",
    .version = "0.101.0",
    .has_config = false,
    .has_presign = true,
    .has_presign_expiry = false,
    .has_multipart = false,
    .has_part_urls = false,
    .max_parts = 0,
    .has_token = true,
    .address_form = AddressForm::kXid,
    .single_use = true,
    .checked_addresses = CheckedAddresses::kAll,
    .link_deadline = hours(6),
    .checks_branch_early = true,
    .has_condition = false,
    .upload_condition = UploadCondition::kLooksFirst,
    .skips_creates = false,
    .bad_condition_status = 0,
    .link_race = {.kept = 0.11, .lost = 0.08},
    .upload_race = {.kept = 0.11, .lost = 0.08},
    .has_if_match = false,
    .has_mtime = false,
    .cleans_checksum = false,
    .relative_link_reply = true,
    .needs_address = false,
    .has_read_only = false,
    .protected_branch_status = 403,
    .too_many_tries_status = 423,
    .unknown_endpoint_status = 500,
    .bad_branch_status = 400,
    .plain_upload_address = false,
    .uploads_octet_stream = false,
    .keeps_upload_metadata = false,
    .needs_filename = false,
    .has_preflight = false,
    .has_head = true,
    .keeps_content_type = true,
    .terse_validation = true,
    .has_login_expiry = true,
    .terse_login_refusal = true,
    .jwt_is_cookie = false,
    .cookie_name = "internal_auth_session",
};

constexpr DialectTraits kV1_21 = {
    .name = "v1.21",
    .version = "1.21.0",
    .has_config = true,
    .has_presign = true,
    .has_presign_expiry = true,
    .has_multipart = true,
    .has_part_urls = false,
    .max_parts = 10'000,
    .has_token = false,
    .address_form = AddressForm::kXid,
    .single_use = true,
    .checked_addresses = CheckedAddresses::kInNamespace,
    .link_deadline = hours(6),
    .checks_branch_early = false,
    .has_condition = true,
    .upload_condition = UploadCondition::kRaces,
    .skips_creates = true,
    .bad_condition_status = 400,
    .link_race = {.kept = 0.187, .lost = 0.003},
    .upload_race = {.kept = 0.137, .lost = 0.003},
    .has_if_match = false,
    .has_mtime = false,
    .cleans_checksum = true,
    .relative_link_reply = false,
    .needs_address = false,
    .has_read_only = true,
    .protected_branch_status = 403,
    .too_many_tries_status = 423,
    .unknown_endpoint_status = 500,
    .bad_branch_status = 400,
    .plain_upload_address = false,
    .uploads_octet_stream = true,
    .keeps_upload_metadata = true,
    .needs_filename = false,
    .has_preflight = true,
    .has_head = true,
    .keeps_content_type = true,
    .terse_validation = true,
    .has_login_expiry = true,
    .terse_login_refusal = true,
    .jwt_is_cookie = false,
    .cookie_name = "internal_auth_session",
};

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
    .address_form = AddressForm::kSignedXid,
    .single_use = false,
    .checked_addresses = CheckedAddresses::kInData,
    .link_deadline = hours(24),
    .checks_branch_early = false,
    .has_condition = true,
    .upload_condition = UploadCondition::kRaces,
    .skips_creates = false,
    .bad_condition_status = 501,
    .link_race = {.kept = 0.1, .lost = 0.08},
    .upload_race = {.kept = 0.09, .lost = 0.059},
    .has_if_match = true,
    .has_mtime = true,
    .cleans_checksum = true,
    .relative_link_reply = false,
    .needs_address = false,
    .has_read_only = true,
    .protected_branch_status = 403,
    .too_many_tries_status = 429,
    .unknown_endpoint_status = 404,
    .bad_branch_status = 400,
    .plain_upload_address = false,
    .uploads_octet_stream = true,
    .keeps_upload_metadata = true,
    .needs_filename = false,
    .has_preflight = true,
    .has_head = true,
    .keeps_content_type = true,
    .terse_validation = false,
    .has_login_expiry = true,
    .terse_login_refusal = false,
    .jwt_is_cookie = false,
    .cookie_name = "internal_auth_session",
};

}  // namespace

const DialectTraits& TraitsOf(Dialect dialect) {
  switch (dialect) {
    case Dialect::kV0_66:
      return kV0_66;
    case Dialect::kV0_101:
      return kV0_101;
    case Dialect::kV1_21:
      return kV1_21;
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
