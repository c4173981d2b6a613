#include "tests/clients/gateway/call.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>

#include "tests/clients/gateway/json_messages.h"

namespace lakefs::staging::testing {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;
using std::chrono::system_clock;

// The longest that anything is waited for; the runner's limits are below it.
constexpr std::chrono::seconds kPatience(120);
constexpr int kResetMs = 3000;
constexpr std::chrono::hours kNoDeadline(24 * 365);

int NextId() {
  static std::atomic<int> last = 0;
  return ++last;
}

std::pair<std::string, json> NameAndValue(const json& step) {
  if (step.is_string()) return {step, json()};
  return {step.begin().key(), step.begin().value()};
}

json DeadlineOf(const grpc::ServerContext& context) {
  const auto left = context.deadline() - system_clock::now();
  if (left > kNoDeadline) return json();
  return std::chrono::duration_cast<milliseconds>(left).count();
}

json MetadataOf(const grpc::ServerContext& context) {
  json metadata = json::object();
  for (const auto& [name, value] : context.client_metadata()) {
    metadata[std::string(name.data(), name.size())] =
        std::string(value.data(), value.size());
  }
  return metadata;
}

bool IsReading(const std::string& step) {
  return step == "read_until" || step == "read_finish" ||
         step == "read_objects" || step == "serve" ||
         step == "await_half_close";
}

}  // namespace

Call::Call(Record& record, Scripts& scripts, grpc::ServerContext& context,
           std::string method)
    : record_(record),
      scripts_(scripts),
      context_(context),
      method_(std::move(method)),
      id_(NextId()) {}

void Call::Begin(const std::string& key) {
  key_ = key;
  part_ = scripts_.Take(key, method_);
  Tell("begin", {{"deadline_ms", DeadlineOf(context_)},
                 {"metadata", MetadataOf(context_)},
                 {"peer", context_.peer()}});
}

void Call::Tell(const std::string& event, json fields) {
  fields["event"] = event;
  fields["call"] = id_;
  fields["key"] = key_;
  fields["method"] = method_;
  fields["number"] = part_.number;
  record_.Write(std::move(fields));
}

grpc::Status Call::Play(Wire& wire) {
  if (!part_.scripted) {
    Tell("unscripted");
    return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION,
                        "the script has no such call");
  }
  for (const json& step : part_.steps) {
    const auto [name, value] = NameAndValue(step);
    if (Cancelled() || Do(name, value, wire) == Next::kEnd) break;
  }
  Tell("ended", {{"code", status_.error_code()}});
  return status_;
}

Call::Next Call::Do(const std::string& step, const json& value, Wire& wire) {
  if (IsReading(step)) return Read(step, value, wire);
  if (step == "await_cancel") return Stall(false);
  if (step == "stall") return Stall(true);
  if (step == "pause") return Pause(value) ? Next::kGoOn : Next::kEnd;
  if (step == "slow") {
    slow_ = value;
    return Next::kGoOn;
  }
  if (step == "nothing_for") {
    if (wire.ReceiveWithin(value)) Tell("early");
    return Next::kGoOn;
  }
  if (step == "cut") {
    Tell("cut");
    return Stall(false);
  }
  if (step == "end") {
    status_ = ToStatus(value);
    return Next::kEnd;
  }
  if (!wire.Send(step, value)) {
    Tell("wrong_step", {{"step", step}});
    return Next::kEnd;
  }
  Tell("sent", {{"what", step}, {"value", value}});
  return Next::kGoOn;
}

Call::Next Call::Read(const std::string& step, const json& value, Wire& wire) {
  if (step == "await_half_close") {
    while (!half_closed_ && wire.Receive()) {
    }
    if (!half_closed_) return ReadsEnded(step);
    return Next::kGoOn;
  }
  while (!wire.Has(step, value)) {
    if (!wire.Receive()) return ReadsEnded(step);
  }
  return Next::kGoOn;
}

// There are no more messages: the caller has closed its side, or is gone.
Call::Next Call::ReadsEnded(const std::string& step) {
  if (Cancelled()) return Next::kEnd;
  if (!std::exchange(half_closed_, true)) Tell("half_close");
  if (step == "await_half_close" || step == "serve") return Next::kGoOn;
  // Some transports close their side just before they reset the stream.
  if (!Pause(kResetMs)) return Next::kEnd;
  Tell("short", {{"step", step}});
  status_ = ToStatus(
      {{"code", "INVALID_ARGUMENT"},
       {"message", "the stream ended before " + step},
       {"details",
        {{{"ErrorInfo",
           {{"reason", "INCOMPLETE_UPLOAD"}, {"domain", "lakefs.staging"}}}},
         {{"UploadFailure",
           {{"outcome", "OUTCOME_NOT_COMMITTED"},
            {"advice", "ADVICE_FIX_REQUEST"}}}}}}});
  return Next::kEnd;
}

Call::Next Call::Stall(bool released_by_command) {
  if (released_by_command) Tell("stalled");
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (std::chrono::steady_clock::now() < until) {
    if (Cancelled()) return Next::kEnd;
    if (scripts_.AwaitRelease(key_) && released_by_command) {
      Tell("released");
      return Next::kGoOn;
    }
    if (!released_by_command) std::this_thread::sleep_for(milliseconds(5));
  }
  Tell("gave_up");
  return Next::kEnd;
}

bool Call::Pause(int ms) {
  const auto until = std::chrono::steady_clock::now() + milliseconds(ms);
  for (;;) {
    if (Cancelled()) return false;
    const auto now = std::chrono::steady_clock::now();
    if (now >= until) return true;
    std::this_thread::sleep_for(
        std::min<std::chrono::nanoseconds>(until - now, milliseconds(20)));
  }
}

bool Call::Cancelled() {
  if (!context_.IsCancelled()) return false;
  if (!std::exchange(cancel_told_, true)) Tell("cancel");
  return true;
}

}  // namespace lakefs::staging::testing
