// Media types, as lakeFS understands them.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

// Whether lakeFS can parse a Content-Type: a type, and parameters that each
// have a value.
//
// Source: the documented behaviour of Go's mime.ParseMediaType, which lakeFS
// asks of every body that it is sent.
// Errors: INVALID_ARGUMENT with Go's words, which become lakeFS's.
absl::Status CheckMediaType(absl::string_view content_type);

}  // namespace lakefs::gateway::testing
