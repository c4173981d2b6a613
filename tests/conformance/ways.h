// What is kept of an upload on each way that its bytes can take.
#pragma once

#include <span>
#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

// What becomes of one thing that a caller asks for.
enum class Kept {
  kYes,      // It arrives as it was given.
  kLower,    // Of metadata: in lower-case ASCII. Other keys are refused.
  kRefused,  // The call is refused before it sends a byte.
  kSpooled,  // The object takes the way SPOOLED_PUT, on which it is kept.
};

// One row: a plan, the stores behind lakeFS, and the releases of lakeFS, from
// `first` to `last` of the four that are told apart, for which it holds. What
// has no row is impossible: no object takes that way there.
struct Way {
  absl::string_view plan;    // As the proto has it, without PLAN_.
  absl::string_view stores;  // lakeFS's blockstore_types, or "all".
  absl::string_view first;
  absl::string_view last;
  Kept content_type = Kept::kYes;
  Kept user_metadata = Kept::kYes;
  Kept mtime = Kept::kYes;
  Kept if_absent = Kept::kYes;
  Kept request_id = Kept::kYes;  // So that another replica knows the call.
};

// All rows. The bytes are kept on every way, or none would be one.
std::span<const Way> Ways();

// The releases that are told apart, oldest first: "v0.66", …
std::span<const absl::string_view> Releases();

// The release of Releases() that a server of this version is like; versions
// that do not tell, such as "dev", count as new.
absl::string_view ReleaseLike(absl::string_view version);

// Whether the row holds for a store and one of Releases().
bool HoldsFor(const Way& way, absl::string_view store,
              absl::string_view release);

// The table as deploy/README.md has it.
std::string WaysAsMarkdown();

}  // namespace lakefs::gateway::testing
