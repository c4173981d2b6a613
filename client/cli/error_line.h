// Errors for people: one line that says what failed and what to do.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/failure.h"

namespace lakefs::staging {

// `what` failed with `failure`: the gateway's words, its reason, what is known
// of the outcome, and what to do now. One line whatever the texts hold, without
// a line feed at the end.
std::string ErrorLine(absl::string_view what, const Failure& failure);

// That a call failed with this, and when the next of at most `attempts` is
// made.
std::string RepetitionLine(const Failure& failure, absl::Duration wait,
                           int attempts);

}  // namespace lakefs::staging
