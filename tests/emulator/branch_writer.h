// The common end of all ways to write an object.
#pragma once

#include <optional>
#include <string>

#include "tests/emulator/backend.h"
#include "tests/emulator/branch.h"
#include "tests/emulator/entry.h"
#include "tests/emulator/http_message.h"
#include "tests/emulator/race_odds.h"

namespace lakefs::gateway::testing {

struct WriteOptions {
  EntryCondition condition;
  bool force = false;

  // The condition holds, commits or not.
  bool exact = false;
  RaceOdds race;

  // A create that meets another's after its look is not written, and no error.
  bool skips = false;

  // lakeFS's words for a path that exists.
  absl::string_view exists_message = "Precondition failed";
};

// The refusal of a write to a branch of a name that none may have ("main~1"),
// or nullopt. `argument`: what lakeFS calls it there.
std::optional<HttpResponse> RefuseBranchName(const Call& call,
                                             absl::string_view argument);

// The refusal of a write to this branch, or nullopt: read-only repository,
// missing or protected branch.
std::optional<HttpResponse> RefuseWrite(const Call& call,
                                        const Repository& repository,
                                        const WriteOptions& options);

// Writes an entry (null: deletes the path) to the call's branch. Returns
// lakeFS's error, or nullopt when it is written. Carries out kLoseWrite and
// kSkipCreate.
std::optional<HttpResponse> WriteEntry(const Call& call, Repository& repository,
                                       const std::string& path, EntryPtr entry,
                                       const WriteOptions& options);

}  // namespace lakefs::gateway::testing
