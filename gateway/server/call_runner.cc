#include "gateway/server/call_runner.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

absl::string_view OutcomeName(Outcome outcome) {
  switch (outcome) {
    case Outcome::kCommitted:
      return "COMMITTED";
    case Outcome::kNotCommitted:
      return "NOT_COMMITTED";
    case Outcome::kSuperseded:
      return "SUPERSEDED";
    case Outcome::kUnknown:
      return "UNKNOWN";
  }
  return "UNKNOWN";
}

std::string NewCallId() {
  thread_local absl::InsecureBitGen random;
  return absl::StrCat(
      absl::Hex(absl::Uniform<uint64_t>(random), absl::kZeroPad16));
}

}  // namespace

CallContext NewCallContext(const grpc::ServerContextBase& context, Clock& clock,
                           std::chrono::milliseconds default_timeout) {
  const auto left = context.deadline() - std::chrono::system_clock::now();
  const bool has_deadline =
      context.deadline() != std::chrono::system_clock::time_point::max() &&
      left < std::chrono::hours(24 * 365);
  const Duration timeout = has_deadline
                               ? std::chrono::duration_cast<Duration>(left)
                               : Duration(default_timeout);
  return CallContext(clock, clock.Now() + timeout, NewCallId());
}

void LogCall(const CallContext& context, absl::string_view method,
             TimePoint start, const absl::Status& status,
             const LinkReport* report) {
  const std::chrono::duration<double> elapsed = context.clock().Now() - start;
  Log(status.ok() ? LogLevel::kInfo : LogLevel::kWarning, "call",
      {{"call_id", context.call_id()},
       {"method", std::string(method)},
       {"code", absl::StatusCodeToString(status.code())},
       {"reason", std::string(status.ok() ? "" : ReasonName(ReasonOf(status)))},
       {"outcome", std::string(report ? OutcomeName(report->outcome) : "")},
       {"rounds", int64_t{report ? report->rounds : 0}},
       {"attempts", int64_t{context.attempts()}},
       {"seconds", elapsed.count()},
       {"message", std::string(status.message())}});
}

}  // namespace lakefs::gateway
