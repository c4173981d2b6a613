// What stands at the path of a link.
#pragma once

#include <optional>

#include "absl/random/bit_gen_ref.h"
#include "absl/status/statusor.h"
#include "gateway/base/backoff.h"
#include "gateway/base/call_context.h"
#include "gateway/lakefs/lakefs_api.h"
#include "gateway/staging/link/undecided_link.h"

namespace lakefs::gateway {

// What a look at the path shows, as who links has to take it. Another's that
// stood there before ours is kBefore; with if_match, that which it expects.
enum class Sight { kOurs, kBefore, kNothing, kAnothers };

// Looks at the path of `link`, and notes there what it sees: whether ours
// stands there, what turns out to be ours and, if it is not known yet, what
// stood there before.
//
// Errors (of all methods): those of LakefsApi that no repetition mends, and
// what ends the call. Blocking: until lakeFS answers, bounded by the call.
// Threads: one.
class PathView {
 public:
  PathView(LakefsApi& lakefs, RetryBudget& budget, UndecidedLink& link,
           absl::BitGenRef random)
      : lakefs_(lakefs), budget_(budget), link_(link), random_(random) {}

  // Stats the path.
  absl::StatusOr<Sight> Look(const CallContext& context);

  // Stats what is committed at the path. The object, if that is ours.
  absl::StatusOr<std::optional<ObjectStats>> LookCommitted(
      const CallContext& context);

  // The object that the last Look has shown.
  const std::optional<ObjectStats>& seen() const { return seen_; }

  // Reads of the object at the path whether it has bytes.
  absl::StatusOr<bool> ReadBack(const CallContext& context);

 private:
  bool Recognize(ObjectStats& stats);
  bool IsOfThisCall(const ObjectStats& stats) const;
  bool IsEarlier(const ObjectStats& stats) const;
  void Adopt(const ObjectStats& stats, bool earlier);
  Sight Classify(TimePoint asked);
  bool CameSince(TimePoint asked) const;

  LakefsApi& lakefs_;
  RetryBudget& budget_;
  UndecidedLink& link_;
  absl::BitGenRef random_;
  std::optional<ObjectStats> seen_;
};

}  // namespace lakefs::gateway
