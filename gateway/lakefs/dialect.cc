#include "gateway/lakefs/dialect.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// An HMAC-SHA256 in base64url without padding.
constexpr size_t kSignatureLength = 43;

// Major and minor; {0, 0} if the version does not tell.
std::pair<int, int> ParseVersion(absl::string_view version) {
  const std::vector<absl::string_view> fields = absl::StrSplit(version, '.');
  int major = 0;
  int minor = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[0], &major) ||
      !absl::SimpleAtoi(fields[1], &minor)) {
    return {0, 0};
  }
  return {major, minor};
}

}  // namespace

Dialect DialectOf(const ServerConfig& config, const StagingLocation& location) {
  const bool is_signed = IsSignedAddress(location.physical_address);
  const std::pair<int, int> version = ParseVersion(config.version);
  // "dev" and the like are taken for new.
  const bool unknown = version == std::pair(0, 0);
  const auto since = [&](int minor) {
    return unknown ? config.has_storage_list : version >= std::pair(1, minor);
  };
  // Single use came with presign, which its key in the configuration shows.
  const bool before_presign = !config.pre_sign_support.has_value();
  std::optional<std::chrono::hours> link_deadline;
  if (is_signed || !before_presign) {
    link_deadline = std::chrono::hours(version >= std::pair(1, 80) ? 24 : 6);
  }
  return Dialect{
      .presign = config.pre_sign_support.value_or(false),
      .multipart = config.pre_sign_multipart_upload.value_or(false),
      .conditional_link = is_signed || version >= std::pair(1, 12),
      .if_match = since(71),
      .link_mtime = since(42),
      .relinkable = is_signed || before_presign,
      .local_address = before_presign || unknown || version >= std::pair(1, 12),
      .part_urls = since(55),
      .form_upload = !unknown && version < std::pair(1, 0),
      .conditional_upload =
          unknown || version >= std::pair(1, 12) || version < std::pair(0, 67),
      .skips_creates =
          version >= std::pair(1, 12) && version < std::pair(1, 22),
      .link_deadline = link_deadline,
      .max_parts = version >= std::pair(1, 55) && version < std::pair(1, 84)
                       ? 1'000
                       : 10'000,
  };
}

Dialect DialectOf(const ServerConfig& config) { return DialectOf(config, {}); }

absl::Status CheckConditional(const Dialect& dialect) {
  if (dialect.conditional_link) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "if_absent needs lakeFS v1.12 or later; this server would "
                   "overwrite what stands at the path",
                   Reason::kUpstreamUnimplemented);
}

absl::Status CheckConditional(const ServerConfig& config) {
  const bool known = ParseVersion(config.version) != std::pair(0, 0);
  return known ? CheckConditional(DialectOf(config)) : absl::OkStatus();
}

absl::Status CheckIfMatch(const ServerConfig& config) {
  if (DialectOf(config).if_match) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "if_match needs lakeFS v1.71 or later; this server would "
                   "overwrite whatever stands at the path",
                   Reason::kUpstreamUnimplemented);
}

absl::Status CheckMtime(const ServerConfig& config) {
  if (DialectOf(config).link_mtime) return absl::OkStatus();
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   "mtime needs lakeFS v1.42 or later; this server would drop "
                   "it",
                   Reason::kUpstreamUnimplemented);
}

bool IsSignedAddress(absl::string_view physical_address) {
  const size_t comma = physical_address.rfind(',');
  if (comma == absl::string_view::npos) return false;
  const absl::string_view signature = physical_address.substr(comma + 1);
  return signature.size() == kSignatureLength &&
         std::all_of(signature.begin(), signature.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  c == '-' || c == '_';
         });
}

bool IsShownAs(absl::string_view address, absl::string_view shown) {
  if (address == shown) return true;
  if (!absl::ConsumePrefix(&address, kLocalScheme) ||
      !absl::ConsumePrefix(&shown, kLocalScheme) ||
      !absl::ConsumeSuffix(&shown, address)) {
    return false;
  }
  // What stood before it is the root, with which it begins.
  return !shown.empty() && absl::StartsWith(address, absl::StrCat(shown, "/"));
}

std::string WithRootOnce(absl::string_view shown, absl::string_view root) {
  while (absl::ConsumeSuffix(&root, "/")) {
  }
  absl::string_view rest = shown;
  const bool twice =
      !root.empty() && absl::ConsumePrefix(&rest, kLocalScheme) &&
      absl::ConsumePrefix(&rest, root) && absl::ConsumePrefix(&rest, root) &&
      absl::StartsWith(rest, "/");
  // Between the root and data/ there is the namespace.
  const size_t data = rest.rfind("/data/");
  if (!twice || data == 0 || data == absl::string_view::npos) {
    return std::string(shown);
  }
  return absl::StrCat(kLocalScheme, root, rest);
}

bool ShowsAddress(absl::string_view shown) {
  return !absl::StartsWith(shown, kLocalScheme);
}

}  // namespace lakefs::gateway
