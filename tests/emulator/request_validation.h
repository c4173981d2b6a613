// What lakeFS checks of a request before anything else.
#pragma once

#include <optional>

#include "tests/emulator/dialect_traits.h"
#include "tests/emulator/http_message.h"
#include "tests/emulator/route.h"

namespace lakefs::gateway::testing {

// The 400 for a request that does not fit lakeFS's API document, or nullopt.
// It comes before authentication and without an X-Request-Id, and quotes the
// schema and the value that was sent.
std::optional<HttpResponse> ValidateRequest(const DialectTraits& traits,
                                            const Route& route,
                                            const HttpRequest& request);

}  // namespace lakefs::gateway::testing
