// Getting a physical address, and linking it.
#pragma once

#include <optional>
#include <string>

#include "tests/emulator/backend.h"
#include "tests/emulator/branch.h"
#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

HttpResponse GetPhysicalAddress(const Call& call);
HttpResponse LinkPhysicalAddress(const Call& call);

// The refusal of an address that the dialect checks, or nullopt; uses it up if
// the dialect has it so. `outside`: what to say of any other address, nullopt
// to let it pass.
std::optional<HttpResponse> RefuseAddress(const Call& call,
                                          const Repository& repository,
                                          const std::string& address,
                                          std::optional<HttpResponse> outside);

// The If-None-Match and If-Match of a write. Returns lakeFS's refusal of what
// it does not do, and sets `condition`.
std::optional<HttpResponse> ReadCondition(const Call& call,
                                          EntryCondition& condition);

}  // namespace lakefs::gateway::testing
