// What every handler does around its work.
#pragma once

#include <grpcpp/server_context.h>

#include <chrono>
#include <string>

#include "gateway/base/call_context.h"
#include "gateway/staging/outcome.h"

namespace lakefs::gateway {

struct CallOptions {
  // For unary calls that come without a deadline.
  std::chrono::milliseconds unary_timeout{60'000};
  // For uploads that come without one. Six hours is the life of an address on
  // most releases.
  std::chrono::milliseconds upload_timeout{std::chrono::hours(6)};
};

// The context of a call that has just come: its deadline, or the default, and a
// new id.
CallContext NewCallContext(const grpc::ServerContextBase& context, Clock& clock,
                           std::chrono::milliseconds default_timeout);

// The log's one line of a call that is over. `plan` and `outcome` may be empty.
void LogCall(const CallContext& context, absl::string_view method,
             TimePoint start, const absl::Status& status,
             const LinkReport* report = nullptr);

}  // namespace lakefs::gateway
