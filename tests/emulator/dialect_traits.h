// How the releases of lakeFS differ: the one place that knows.
#pragma once

#include <chrono>
#include <optional>

#include "absl/strings/string_view.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/race_odds.h"

namespace lakefs::gateway::testing {

// What stands behind `data/` in an address.
enum class AddressForm {
  kToken,      // <token>/<id>
  kXid,        // <xid>/<xid>
  kSignedXid,  // <xid>/<xid>,<signature over repository, branch and path>
};

enum class CheckedAddresses {
  kNone,
  kAll,
  kInNamespace,  // All below the repository's storage namespace.
  kInData,       // All below its data/.
};

// What POST objects makes of If-None-Match: *.
enum class UploadCondition {
  kExact,       // Of writers at once exactly one creates the object.
  kLooksFirst,  // 412 if something stands there; the write itself has none.
  kRaces,       // As on link: exact, but for the race with commits.
};

// What a client can tell one dialect by.
//
// Source: answers recorded of v0.66, v0.101, v1.21 and v1.84.
struct DialectTraits {
  absl::string_view name;     // As the program's flag has it: "v1.84".
  absl::string_view version;  // What /config/version says.

  bool has_config;          // GET /config; /config/storage is on all.
  bool has_presign;         // presign=true counts, and the config says so.
  bool has_presign_expiry;  // presigned_url_expiry stands beside the URL.
  bool has_multipart;       // The pmpu endpoints, and the config key.
  bool has_part_urls;       // PUT …/pmpu/{uploadId}/parts/{n}.
  int max_parts;            // Largest `parts` of create.

  // The location carries a token, and link's body must have the field.
  bool has_token;

  AddressForm address_form;

  // The first link uses an address up, whatever comes of it.
  bool single_use;

  // What link looks up or verifies; it takes all other addresses unchecked.
  CheckedAddresses checked_addresses;

  // From getting an address to linking it; nullopt: any time.
  std::optional<std::chrono::hours> link_deadline;

  bool checks_branch_early;  // 404 on getting an address for a missing one.
  bool has_condition;        // If-None-Match: * on link.
  UploadCondition upload_condition;
  bool skips_creates;        // One that is overtaken is answered as written.
  int bad_condition_status;  // For another If-None-Match, where it is known.
  RaceOdds link_race;        // With commits in a loop.
  RaceOdds upload_race;      // The same of POST objects.
  bool has_if_match;         // If-Match is refused with 501, not ignored.
  bool has_mtime;            // `mtime` of link counts.
  bool cleans_checksum;      // Strips quotes, and refuses an empty one.
  bool relative_link_reply;  // physical_address in link's reply is data/…
  bool needs_address;        // No reply at all to a link without an address.
  bool has_read_only;        // Repositories can be read-only.
  int protected_branch_status;
  int too_many_tries_status;
  int unknown_endpoint_status;
  int bad_branch_status;       // To writes, of a name that no branch may have.
  bool plain_upload_address;   // POST objects stores at NAMESPACE/<hex>.
  bool uploads_octet_stream;   // POST objects takes plain bodies.
  bool keeps_upload_metadata;  // x-lakefs-meta-* headers count.
  bool needs_filename;         // POST objects takes no field without one.
  bool has_preflight;          // GET …/objects/stage_allowed.
  bool has_head;               // HEAD of an object; else 500.
  bool keeps_content_type;     // Reading an object tells its type.
  bool terse_validation;       // The validator names no schema.
  bool has_login_expiry;       // token_expiration in login's reply.
  bool terse_login_refusal;    // The bare JSON string "Unauthorized".
  bool jwt_is_cookie;          // The cookie's value is the JWT itself.
  absl::string_view cookie_name;
};

const DialectTraits& TraitsOf(Dialect dialect);

// The dialect of a flag's value ("v1.84"), or nullopt.
std::optional<Dialect> ParseDialect(absl::string_view name);

}  // namespace lakefs::gateway::testing
