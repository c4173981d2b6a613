#include "gateway/lakefs/upload_headers.h"

#include <algorithm>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/excerpt.h"

namespace lakefs::gateway {
namespace {

bool IsPrintable(char c) {
  return absl::ascii_isprint(static_cast<unsigned char>(c));
}

bool ArrivesAsHeader(absl::string_view value) {
  return std::all_of(value.begin(), value.end(), IsPrintable) &&
         value == absl::StripAsciiWhitespace(value);
}

bool IsTokenChar(char c) {
  return absl::ascii_isgraph(static_cast<unsigned char>(c)) &&
         !absl::StrContains("()<>@,;:\\\"/[]?=", c);
}

// Takes the token that `text` begins with, which may be empty.
absl::string_view TakeToken(absl::string_view& text) {
  size_t size = 0;
  while (size < text.size() && IsTokenChar(text[size])) ++size;
  const absl::string_view token = text.substr(0, size);
  text.remove_prefix(size);
  return token;
}

// Takes a token or a quoted string; false if there is neither.
bool TakeValue(absl::string_view& text, std::string& value) {
  if (!absl::ConsumePrefix(&text, "\"")) {
    value = std::string(TakeToken(text));
    return !value.empty();
  }
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c == '"') return true;
    if (c == '\\' && !text.empty() && !IsTokenChar(text.front())) {
      value += text.front();
      text.remove_prefix(1);
    } else {
      value += c;
    }
  }
  return false;
}

void SkipBlanks(absl::string_view& text) {
  text = absl::StripLeadingAsciiWhitespace(text);
}

// "type/subtype; name=value…", as Go parses it; its parameters by their names
// in lower case.
bool IsMediaType(absl::string_view text) {
  if (TakeToken(text).empty()) return false;
  if (absl::ConsumePrefix(&text, "/") && TakeToken(text).empty()) return false;
  std::map<std::string, std::string> parameters;
  while (true) {
    SkipBlanks(text);
    if (text.empty() || text == ";") return true;
    if (!absl::ConsumePrefix(&text, ";")) return false;
    SkipBlanks(text);
    const std::string name = absl::AsciiStrToLower(TakeToken(text));
    SkipBlanks(text);
    if (name.empty() || !absl::ConsumePrefix(&text, "=")) return false;
    SkipBlanks(text);
    std::string value;
    if (!TakeValue(text, value)) return false;
    // A name that comes twice is an error of some releases of Go.
    if (!parameters.emplace(name, value).second) return false;
  }
}

bool IsForm(absl::string_view content_type) {
  const absl::string_view type = absl::StripAsciiWhitespace(
      content_type.substr(0, content_type.find(';')));
  return absl::EqualsIgnoreCase(type, "multipart/form-data");
}

bool ArrivesAsKey(absl::string_view key) {
  return std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-' ||
           c == '_';
  });
}

}  // namespace

std::vector<FieldViolation> HeaderViolations(const std::string& content_type,
                                             const UserMetadata& metadata,
                                             absl::string_view prefix) {
  std::vector<FieldViolation> found;
  if (!content_type.empty() &&
      (!ArrivesAsHeader(content_type) || !IsMediaType(content_type) ||
       IsForm(content_type))) {
    found.push_back(
        {absl::StrCat(prefix, "content_type"),
         absl::StrCat("\"", Excerpt(content_type, 64),
                      "\" cannot go through lakeFS, which takes the form "
                      "type/subtype; name=value, and no multipart/form-data")});
  }
  for (const auto& [key, value] : metadata) {
    // Some of what stands between drops a header without a value.
    if (ArrivesAsKey(key) && ArrivesAsHeader(value) && !value.empty()) continue;
    found.push_back(
        {absl::StrCat(prefix, "user_metadata"),
         absl::StrCat("\"", Excerpt(key, 64),
                      "\" cannot go through lakeFS, which takes metadata as "
                      "HTTP headers: keys of a-z, 0-9, - and _, values of "
                      "printable ASCII, not empty, without blanks around")});
  }
  return found;
}

}  // namespace lakefs::gateway
