// Rows about what a server says before anything is written: its configuration,
// its branches, addresses to put objects at, and what stands at a path.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"

namespace lakefs::gateway::testing {
namespace {

using Client = StagingClient;

std::string Text(std::optional<bool> value) {
  return value ? (*value ? "true" : "false") : "unknown";
}

// "url and expiry", "neither" and the like.
std::string Presigned(const StagingLocation& location) {
  const bool url = location.presigned_url.has_value();
  const bool expiry = location.presigned_url_expiry.has_value();
  return url      ? (expiry ? "url and expiry" : "url")
         : expiry ? "expiry"
                  : "neither";
}

}  // namespace

std::vector<StagingCase> AddressCases() {
  return {
      {"ConfigTellsStoreAndPresigning",
       [](Client& c) -> Seen {
         const ServerConfig config = c.Config().value();
         return {config.blockstore_type, Text(config.pre_sign_support),
                 Text(config.pre_sign_multipart_upload),
                 config.version.substr(0, 5)};
       },
       {"s3", "true", "true", "1.84."}},
      {"ConfigNeedsTheRightSecret",
       [](Client& c) -> Seen {
         c.UseWrongSecret();
         return {Said(c.Config())};
       },
       {"CREDENTIALS_REJECTED"}},
      {"UnknownEndpointIs404",
       [](Client& c) -> Seen {
         return {absl::StrCat(c.Raw(HttpMethod::kGet, "/no-such-endpoint"))};
       },
       {"404"}},

      {"BranchIsThere",
       [](Client& c) -> Seen {
         return {Said(c.Branch(c.repository(), "main"))};
       },
       {"OK"}},
      {"MissingBranchIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Branch(c.repository(), kMissing))};
       },
       {"NOT_FOUND branch"}},
      {"BranchOfMissingRepositoryIsNotFound",
       [](Client& c) -> Seen { return {Said(c.Branch(kMissing, "main"))}; },
       {"NOT_FOUND repository"}},
      {"NamespaceIsAUrlOfTheStore",
       [](Client& c) -> Seen {
         const auto name = c.Namespace(c.repository()).value();
         return {absl::StartsWith(name, "s3://") ? "s3" : name};
       },
       {"s3"}},
      {"NamespaceOfMissingRepositoryIsNotFound",
       [](Client& c) -> Seen { return {Said(c.Namespace(kMissing))}; },
       {"NOT_FOUND repository"}},

      {"AddressHasAPresignedUrlIfAskedFor",
       [](Client& c) -> Seen {
         return {Presigned(c.Address(c.At("a"), /*presign=*/true).value())};
       },
       {"url and expiry"}},
      {"AddressHasNoPresignedUrlIfNotAskedFor",
       [](Client& c) -> Seen {
         return {Presigned(c.Address(c.At("a"), /*presign=*/false).value())};
       },
       {"neither"}},
      {"AddressLiesInTheNamespaceAndHasNoToken",
       [](Client& c) -> Seen {
         const auto location = c.Address(c.At("a")).value();
         const auto name = c.Namespace(c.repository()).value();
         return {absl::StartsWith(location.physical_address,
                                  absl::StrCat(name, "/data/"))
                     ? "in data"
                     : location.physical_address,
                 location.token.value_or("no token")};
       },
       {"in data", "no token"}},
      {"EachAddressIsAnother",
       [](Client& c) -> Seen {
         const auto first = c.Address(c.At("a")).value();
         const auto second = c.Address(c.At("a")).value();
         return {first.physical_address == second.physical_address
                     ? first.physical_address
                     : "another"};
       },
       {"another"}},
      {"AddressInMissingRepositoryIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Address({kMissing, "main", "a"}))};
       },
       {"NOT_FOUND repository"}},
      {"AddressOnMissingBranchIsGivenOut",
       [](Client& c) -> Seen { return {Said(c.Address(c.At("a", kMissing)))}; },
       {"OK"}},
      {"AddressForAnEmptyPathIsRejected",
       [](Client& c) -> Seen {
         return {Said(c.Address({c.repository(), "main", ""}))};
       },
       {"UPSTREAM_REJECTED"}},
      {"AddressNeedsTheRightSecret",
       [](Client& c) -> Seen {
         c.UseWrongSecret();
         return {Said(c.Address(c.At("a")))};
       },
       {"CREDENTIALS_REJECTED"}},

      {"StatOfAMissingObjectIsNothing",
       [](Client& c) -> Seen {
         const auto stats = c.Stat(c.At("a"));
         return {Said(stats), stats.value() ? "object" : "nothing"};
       },
       {"OK", "nothing"}},
      {"StatOnAMissingBranchIsNothing",
       [](Client& c) -> Seen {
         const auto stats = c.Stat(c.At("a", kMissing));
         return {Said(stats), stats.value() ? "object" : "nothing"};
       },
       {"OK", "nothing"}},
      {"StatInAMissingRepositoryIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Stat({kMissing, "main", "a"}))};
       },
       {"NOT_FOUND repository"}},
      {"StatOfAnEmptyPathIsRejected",
       [](Client& c) -> Seen {
         return {Said(c.Stat({c.repository(), "main", ""}))};
       },
       {"UPSTREAM_REJECTED"}},
      {"StatNeedsTheRightSecret",
       [](Client& c) -> Seen {
         c.UseWrongSecret();
         return {Said(c.Stat(c.At("a")))};
       },
       {"CREDENTIALS_REJECTED"}},
  };
}

}  // namespace lakefs::gateway::testing
