// Errors for people: one line that says what failed and what to do.
#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "client/failure.h"

namespace lakefs::staging {

// `what` failed with `failure`: the gateway's words, its reason, what is known
// of the outcome, and what to do now; `request_id` is that of an upload that
// had one. One line whatever the texts hold, without a line feed at the end.
std::string ErrorLine(absl::string_view what, const Failure& failure,
                      absl::string_view request_id = "");

}  // namespace lakefs::staging
