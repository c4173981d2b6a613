// What is known of a link before its outcome is.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "gateway/staging/link/link_request.h"

namespace lakefs::gateway {

// A link whose outcome is not known: all that it takes to go on, the bytes
// excepted.
struct UndecidedLink {
  LinkRequest request;
  Before before;
  Placement placement;                    // of the last link
  std::map<std::string, Placement> ours;  // by address, all of the call
  int rounds = 1;
  bool visible = false;         // ours stood there when last looked
  bool unproven_bytes = false;  // linked on the word of a lost complete
  bool lost = false;            // an attempt whose answer is unknown
  bool dropped = false;         // the placement's parts, by an abort of ours
  // A write of ours was under the condition, or may have been: only such an
  // entry can be dropped by a commit.
  bool conditional = false;
  // Ours was met by a 412 that only a commit can have made: that commit keeps
  // the entry, or drops it.
  bool doubtful = false;
  std::optional<TimePoint> first_sent;  // when the first link was

  // Whether something of ours may stand at the path, or may yet come there.
  bool MayStand() const { return lost || visible; }

  int64_t SizeInMemory() const;  // bytes, about
};

// The same for an object that stands at the path and is known to be this
// request's, by a mark in its metadata.
UndecidedLink UndecidedOf(LinkRequest request, const ObjectStats& stats,
                          const ServerConfig& server);

}  // namespace lakefs::gateway
