// What a reply says of time.
#pragma once

#include <chrono>
#include <optional>

#include "gateway/base/clock.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {

// When the server made the reply, by its own clock (Date); nothing if it does
// not tell. Units: whole seconds.
std::optional<WallTime> DateOf(const HttpResponse& response);

// How long the server asks to be left alone (Retry-After), at most 5 minutes
// whatever it asks for; nothing if it does not ask, or not in a form that can
// be read. A date is compared with the reply's own, so that no clock of ours
// counts.
std::optional<std::chrono::milliseconds> RetryAfterOf(
    const HttpResponse& response);

}  // namespace lakefs::gateway
