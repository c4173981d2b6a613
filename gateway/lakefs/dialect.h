// How the releases of lakeFS differ, as far as an upload has to know.
#pragma once

#include <chrono>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "gateway/lakefs/types.h"

namespace lakefs::gateway {

// What a server can do. Read off what it shows (keys of its configuration, the
// form of its addresses) before its version, which can be "dev".
struct Dialect {
  // A presigned URL can be had with an address.
  bool presign = false;
  // Presigned multipart uploads can be had.
  bool multipart = false;
  // If-None-Match: * on a link is heeded; releases before v1.12 overwrite.
  bool conditional_link = false;
  // If-Match is heeded, or refused with 501; releases before v1.71 overwrite.
  // Of a version that does not tell it is believed as for part_urls.
  bool if_match = false;
  // mtime of a link is heeded; releases before v1.42 drop it. Of a version that
  // does not tell it is believed as for part_urls.
  bool link_mtime = false;
  // An address can be linked again after a link that failed or was lost;
  // v0.90 to v1.21 take it once.
  bool relinkable = false;
  // The address of a local store can be linked as it was given out. Releases
  // from v0.90 on do not find it among those that they gave out (seen of
  // v0.101), v1.21 does; in between it is not believed.
  bool local_address = false;
  // URLs of parts can be had one at a time (v1.55); before, all come with the
  // upload, and die together. Of a version that does not tell it is believed
  // where the configuration has a key of v1.49; the first URL that is asked for
  // shows.
  bool part_urls = false;
  // uploadObject takes the bytes only as multipart/form-data (before v1.0).
  bool form_upload = false;
  // If-None-Match: * on uploadObject is heeded. Up to v0.66, on PostgreSQL, it
  // creates exactly once; from there to v1.11 it overwrites.
  bool conditional_upload = false;
  // A create that meets another's between lakeFS's look and its write is
  // skipped, and answered as if it had been written. Seen of v1.21.0, by link
  // and by uploadObject, and not of v1.84.0; believed of v1.12 to v1.21.
  bool skips_creates = false;
  // How long after it was given out an address can be linked, if there is a
  // limit: 6 h, and 24 h from v1.80 on.
  std::optional<std::chrono::hours> link_deadline;
  // The largest number of a part.
  int max_parts = 10'000;
};

// The dialect of a server by its configuration and by an address that it gave
// out. Source: recorded answers of v0.66, v0.101, v1.21, v1.79 and v1.84.
Dialect DialectOf(const ServerConfig& config, const StagingLocation& location);

// The same of a server that has given out no address yet: what hangs on its
// form alone counts as not there.
Dialect DialectOf(const ServerConfig& config);

// OK where a link takes a condition.
// Errors: FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED.
absl::Status CheckConditional(const Dialect& dialect);

// The same before there is an address: OK also where only that will tell.
absl::Status CheckConditional(const ServerConfig& config);

// OK where a write under If-Match overwrites nothing else.
// Errors: FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED.
absl::Status CheckIfMatch(const ServerConfig& config);

// OK where a link takes an mtime.
// Errors: FAILED_PRECONDITION, UPSTREAM_UNIMPLEMENTED.
absl::Status CheckMtime(const ServerConfig& config);

// Whether the address carries a signature (v1.22 and later): its last segment
// ends in a comma and 43 characters of base64url.
bool IsSignedAddress(absl::string_view physical_address);

// Whether a stat that shows `shown` is of an object that was linked at
// `address`. A local store's address, "local:///ROOT/lake/data/x", is shown
// with the root twice. Source: seen of v1.21.0 and v1.84.0.
bool IsShownAs(absl::string_view address, absl::string_view shown);

// The address that a stat shows, with the root of the local store once: a link
// of "local:///ROOT/lake/data/x" is shown as "local:///ROOT/ROOT/lake/data/x".
// A namespace may begin as the root does: "local:///ROOT/ROOT/data/x" is of
// "local://ROOT", and stays. With no `root`, or on another store, as it is.
std::string WithRootOnce(absl::string_view shown, absl::string_view root);

// Whether an object can be linked again by the address that a stat shows. On a
// local store that may be one without bytes.
bool ShowsAddress(absl::string_view shown);

}  // namespace lakefs::gateway
