#include "gateway/base/excerpt.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

// Bytes that are read for one character that is told: a character has at most
// four, and what is left out of a text may be longer than what stays.
constexpr size_t kBytesReadForEach = 16;

constexpr char kReplacement[] = "\xEF\xBF\xBD";

// The bytes of the character that `text` begins with, which is put into `c`; 0
// if it is none: cut off, overlong, half of a pair, or beyond Unicode.
size_t TakeCharacter(absl::string_view text, uint32_t& c) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  c = first;
  if (first < 0x80) return 1;
  const size_t size = first < 0xC2   ? 0
                      : first < 0xE0 ? 2
                      : first < 0xF0 ? 3
                      : first < 0xF5 ? 4
                                     : 0;
  if (size == 0 || text.size() < size) return 0;
  c = first & (0x7F >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    c = c << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool half = c >= 0xD800 && c <= 0xDFFF;
  return c < kLeast[size] || half || c > 0x10FFFF ? 0 : size;
}

// Control characters, line separators, and marks that turn the direction of
// what follows.
bool IsUnprintable(uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
         c == 0xFEFF;
}

std::string Printable(absl::string_view text, size_t max_characters) {
  std::string out;
  for (size_t n = 0; n < max_characters && !text.empty(); ++n) {
    uint32_t c = 0;
    const size_t size = TakeCharacter(text, c);
    if (size == 0) {
      out += kReplacement;
    } else if (IsUnprintable(c)) {
      out += ' ';
    } else {
      absl::StrAppend(&out, text.substr(0, size));
    }
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return out;
}

// Whether a value of that name is nobody's business. No flag of ours is secret,
// and messages name them with their values.
bool NamesSecret(absl::string_view name) {
  if (absl::StartsWith(name, "--")) return false;
  const std::string lower = absl::AsciiStrToLower(name);
  if (lower == "sig") return true;
  for (const char* part :
       {"signature", "token", "secret", "password", "credential"})
    if (absl::StrContains(lower, part)) return true;
  return false;
}

// A word without what may be secret in it.
std::string WithoutSecrets(absl::string_view word) {
  std::string out;
  const size_t scheme = word.find("://");
  const size_t query = word.find('?');
  const size_t equals = word.find('=', query == word.npos ? 0 : query);
  const bool cut = equals != word.npos &&
                   (query != word.npos || NamesSecret(word.substr(0, equals)));
  if (cut) word = word.substr(0, (query != word.npos ? query : equals) + 1);
  const size_t at = word.find('@');
  if (scheme != word.npos && at != word.npos && scheme < at) {
    absl::StrAppend(&out, word.substr(0, scheme + 3), "...");
    word.remove_prefix(at);
  }
  absl::StrAppend(&out, word, cut ? "..." : "");
  return out;
}

bool AnnouncesCredentials(absl::string_view word) {
  return absl::EqualsIgnoreCase(word, "bearer") ||
         absl::EqualsIgnoreCase(word, "basic");
}

// "Basic authentication" holds no secret, "Basic YWRtaW46cHc=" does.
bool IsNoPlainWord(absl::string_view word) {
  return word.find_first_not_of("abcdefghijklmnopqrstuvwxyz.,;:") != word.npos;
}

std::string WithoutSecretsInWords(absl::string_view text) {
  std::string out;
  bool secret = false;  // the next word
  while (!text.empty()) {
    // A URL ends where no character can be one's.
    const size_t end =
        std::min(text.find_first_of(" \t\r\n\"'<>"), text.size());
    const absl::string_view word = text.substr(0, end);
    const bool hidden = secret && IsNoPlainWord(word);
    absl::StrAppend(&out, hidden ? "..." : WithoutSecrets(word),
                    text.substr(end, 1));
    if (!word.empty()) secret = AnnouncesCredentials(word);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

}  // namespace

std::string Excerpt(absl::string_view text, size_t max_characters) {
  const absl::string_view read =
      text.substr(0, kBytesReadForEach * max_characters);
  return Printable(WithoutSecretsInWords(read), max_characters);
}

}  // namespace lakefs::gateway
