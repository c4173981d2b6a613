// The Range header of HTTP.
#pragma once

#include <string>

#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

// Makes `reply` the part of `bytes` that a header with one range asks for: 206,
// or 416 if there is none; the whole if the header makes no sense.
void FillRange(const std::string& header, const std::string& bytes,
               HttpResponse& reply);

}  // namespace lakefs::gateway::testing
