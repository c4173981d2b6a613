// The choice of the way that an object's bytes take.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/status/statusor.h"
#include "gateway/lakefs/types.h"
#include "gateway/staging/link/outcome.h"
#include "gateway/staging/transfer/own_ways.h"

namespace lakefs::gateway {

struct PlanOptions {
  // Size of a part, and of the largest object that is put at once. Parts of 5,
  // 8 and 16 MiB are equally fast, and smaller ones take less memory.
  int64_t part_bytes = 8 << 20;
  // No part may be larger: half of the memory budget.
  int64_t largest_part_bytes = 64 << 20;
  // What the spool takes in all.
  int64_t spool_bytes = int64_t{8} << 30;
  // Whether presigned URLs are used where the server gives them out.
  bool presign = true;
  OwnWaysByStore own_ways;
};

// What is known of an object's size when a plan is chosen.
struct KnownSize {
  int64_t bytes = 0;
  bool exact = false;  // else the object has that many bytes or more
  // All of them are in a file: what goes at once need not be spooled, and no
  // part takes memory.
  bool at_hand = false;
};

// The plan for an upload to this server. A pure function.
//
//  the server            | the object                   | plan
//  ----------------------+------------------------------+---------------------
//  presigns              | fits in one part             | SINGLE_PUT
//  presigns, Azure       | larger, or not known yet     | AZURE_BLOCKS
//  presigns, S3, offers  | larger, or not known yet,    | MULTIPART
//    multipart           |   but without `needs_link`   |
//  presigns, S3          | else, up to 5 GiB            | SPOOLED_PUT (*)
//  presigns, S3          | else                         | FAILED_PRECONDITION
//  presigns, Google      | larger, up to 5 TiB          | SPOOLED_PUT (*)
//  not, S3               | any, with keys of our own    | DIRECT_S3
//  not, local            | any, on a volume shared      | LOCAL_FILE
//  not                   | any                          | THROUGH_LAKEFS
//  (*) SINGLE_PUT, of all of it, if the object is at hand
//
// Without options.presign, no server presigns. lakeFS from v0.90 to v1.11 links
// no address of a local store as it gave it out: no LOCAL_FILE there.
//
// A complete takes no condition, no mtime and no force. An object with one of
// them `needs_link`, and so, on S3, a single PUT.
//
// Errors: FAILED_PRECONDITION, OBJECT_TOO_LARGE where no way is left.
absl::StatusOr<Plan> ChoosePlan(const ServerConfig& server, bool needs_link,
                                KnownSize size, const PlanOptions& options);

// The size of the parts of an object: `part_bytes`, and more only if
// `max_parts` would not do otherwise. Not known: `part_bytes`.
//
// Errors: FAILED_PRECONDITION, OBJECT_TOO_LARGE if parts would have to be
// larger than memory allows; not for what is at hand.
absl::StatusOr<int64_t> PartBytes(std::optional<int64_t> size_bytes,
                                  int64_t max_parts, bool at_hand,
                                  const PlanOptions& options);

}  // namespace lakefs::gateway
