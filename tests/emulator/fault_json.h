// Faults as JSON, for the program's command line.
#pragma once

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "tests/emulator/fault.h"

namespace lakefs::gateway::testing {

// Reads {"operation": "linkPhysicalAddress", "kind": "status", "status": 503,
// "body": "", "headers": {"Retry-After": "1"}, "delay_ms": 0, "skip": 0,
// "times": 1}. Only `operation` and `kind` are needed.
//
// Errors: INVALID_ARGUMENT names the field.
absl::StatusOr<Fault> ParseFault(absl::string_view text);

}  // namespace lakefs::gateway::testing
