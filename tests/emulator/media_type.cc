#include "tests/emulator/media_type.h"

#include <set>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {
namespace {

bool IsTokenCharacter(char c) {
  constexpr absl::string_view kSpecials = "()<>@,;:\\\"/[]?=";
  return c > ' ' && c < 0x7f && kSpecials.find(c) == absl::string_view::npos;
}

absl::string_view TakeToken(absl::string_view& rest) {
  size_t size = 0;
  while (size < rest.size() && IsTokenCharacter(rest[size])) ++size;
  absl::string_view token = rest.substr(0, size);
  rest.remove_prefix(size);
  return token;
}

// Takes a token or a quoted string, none of which is empty but the latter.
bool TakeValue(absl::string_view& rest) {
  if (!absl::ConsumePrefix(&rest, "\"")) return !TakeToken(rest).empty();
  while (!rest.empty()) {
    char c = rest[0];
    rest.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\r' || c == '\n') return false;
    if (c == '\\' && !rest.empty()) rest.remove_prefix(1);
  }
  return false;
}

// Takes `; name=value` and returns the name, or nothing of what is none.
absl::string_view TakeParameter(absl::string_view& rest) {
  absl::string_view left = absl::StripLeadingAsciiWhitespace(rest);
  if (!absl::ConsumePrefix(&left, ";")) return "";
  left = absl::StripLeadingAsciiWhitespace(left);
  absl::string_view name = TakeToken(left);
  left = absl::StripLeadingAsciiWhitespace(left);
  if (name.empty() || !absl::ConsumePrefix(&left, "=")) return "";
  left = absl::StripLeadingAsciiWhitespace(left);
  if (!TakeValue(left)) return "";
  rest = left;
  return name;
}

absl::Status CheckType(absl::string_view type) {
  if (TakeToken(type).empty()) {
    return absl::InvalidArgumentError("mime: no media type");
  }
  if (type.empty()) return absl::OkStatus();
  if (!absl::ConsumePrefix(&type, "/")) {
    return absl::InvalidArgumentError("mime: expected slash in first token");
  }
  if (TakeToken(type).empty()) {
    return absl::InvalidArgumentError("mime: expected token after slash");
  }
  return type.empty() ? absl::OkStatus()
                      : absl::InvalidArgumentError(
                            "mime: unexpected content after media subtype");
}

}  // namespace

absl::Status CheckMediaType(absl::string_view content_type) {
  const size_t end = content_type.find(';');
  absl::Status type =
      CheckType(absl::StripAsciiWhitespace(content_type.substr(0, end)));
  if (!type.ok() || end == absl::string_view::npos) return type;
  absl::string_view rest = content_type.substr(end);
  std::set<std::string> names;
  while (!absl::StripAsciiWhitespace(rest).empty()) {
    const absl::string_view name = TakeParameter(rest);
    if (name.empty()) {
      if (absl::StripAsciiWhitespace(rest) == ";") break;
      return absl::InvalidArgumentError("mime: invalid media parameter");
    }
    if (!names.insert(absl::AsciiStrToLower(name)).second) {
      return absl::InvalidArgumentError("mime: duplicate parameter name");
    }
  }
  return absl::OkStatus();
}

}  // namespace lakefs::gateway::testing
