#include "tests/emulator/form_data.h"

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {
namespace {

std::string BoundaryOf(absl::string_view content_type) {
  size_t at = content_type.find("boundary=");
  if (at == absl::string_view::npos) return "";
  absl::string_view boundary = content_type.substr(at + 9);
  boundary = boundary.substr(0, boundary.find(';'));
  absl::ConsumePrefix(&boundary, "\"");
  absl::ConsumeSuffix(&boundary, "\"");
  return absl::StrCat("--", boundary);
}

}  // namespace

std::optional<FormField> FindFormField(absl::string_view content_type,
                                       absl::string_view body,
                                       absl::string_view name) {
  std::string boundary = BoundaryOf(content_type);
  if (boundary.empty()) return std::nullopt;
  std::string end = absl::StrCat("\r\n", boundary);
  size_t at = body.find(boundary);
  while (at != absl::string_view::npos) {
    absl::string_view part = body.substr(at + boundary.size());
    size_t head_end = part.find("\r\n\r\n");
    if (head_end == absl::string_view::npos) return std::nullopt;
    absl::string_view head = part.substr(0, head_end);
    absl::string_view bytes = part.substr(head_end + 4);
    size_t bytes_end = bytes.find(end);
    if (bytes_end == absl::string_view::npos) return std::nullopt;
    if (absl::StrContains(head, absl::StrCat("name=\"", name, "\""))) {
      FormField field;
      field.bytes = std::string(bytes.substr(0, bytes_end));
      field.has_filename = absl::StrContains(head, "filename=");
      for (absl::string_view line : absl::StrSplit(head, "\r\n")) {
        if (absl::StartsWithIgnoreCase(line, "content-type:")) {
          field.content_type = std::string(
              absl::StripAsciiWhitespace(line.substr(line.find(':') + 1)));
        }
      }
      return field;
    }
    at += boundary.size() + head_end + 4 + bytes_end + 2;
  }
  return std::nullopt;
}

}  // namespace lakefs::gateway::testing
