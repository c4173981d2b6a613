#include "tests/emulator/fault_json.h"

#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/emulator/json_fields.h"

namespace lakefs::gateway::testing {
namespace {

using nlohmann::json;

struct NamedKind {
  absl::string_view name;
  Fault::Kind kind;
};

constexpr NamedKind kKinds[] = {
    {"status", Fault::Kind::kStatus},
    {"status_after", Fault::Kind::kStatusAfter},
    {"reset_before", Fault::Kind::kResetBefore},
    {"reset_after", Fault::Kind::kResetAfter},
    {"late", Fault::Kind::kLate},
    {"stall", Fault::Kind::kStall},
    {"slow", Fault::Kind::kSlow},
    {"truncate", Fault::Kind::kTruncate},
    {"garbage", Fault::Kind::kGarbage},
    {"wrong_etag", Fault::Kind::kWrongETag},
    {"no_etag", Fault::Kind::kNoETag},
    {"corrupt", Fault::Kind::kCorrupt},
    {"conflict_with_location", Fault::Kind::kConflictWithLocation},
    {"false_precondition", Fault::Kind::kFalsePrecondition},
    {"lose_write", Fault::Kind::kLoseWrite},
    {"skip_create", Fault::Kind::kSkipCreate},
};

bool IsKnownField(absl::string_view name) {
  for (absl::string_view known :
       {"operation", "query", "kind", "status", "body", "headers", "delay_ms",
        "skip", "times"}) {
    if (name == known) return true;
  }
  return false;
}

}  // namespace

absl::StatusOr<Fault> ParseFault(absl::string_view text) {
  json object = json::parse(text.begin(), text.end(), nullptr, false);
  if (!object.is_object()) {
    return absl::InvalidArgumentError("a fault must be a JSON object");
  }
  for (const auto& [name, value] : object.items()) {
    if (!IsKnownField(name)) {
      return absl::InvalidArgumentError(
          absl::StrCat("a fault has no field \"", name, "\""));
    }
  }
  Fault fault;
  fault.operation = StringField(object, "operation");
  if (fault.operation.empty()) {
    return absl::InvalidArgumentError("a fault needs an \"operation\"");
  }
  fault.query = StringMapField(object, "query");
  std::string kind = StringField(object, "kind");
  bool known = false;
  for (const NamedKind& named : kKinds) {
    if (named.name != kind) continue;
    fault.kind = named.kind;
    known = true;
  }
  if (!known) {
    return absl::InvalidArgumentError(
        absl::StrCat("a fault has no \"kind\" \"", kind, "\""));
  }
  fault.status = static_cast<int>(IntField(object, "status", fault.status));
  fault.body = StringField(object, "body");
  fault.headers = StringMapField(object, "headers");
  fault.delay = std::chrono::milliseconds(IntField(object, "delay_ms"));
  fault.skip = static_cast<int>(IntField(object, "skip"));
  fault.times = static_cast<int>(IntField(object, "times", fault.times));
  return fault;
}

}  // namespace lakefs::gateway::testing
