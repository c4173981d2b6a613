#include "gateway/http/http_client.h"

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {

absl::string_view MethodName(HttpMethod method) {
  switch (method) {
    case HttpMethod::kGet:
      return "GET";
    case HttpMethod::kPut:
      return "PUT";
    case HttpMethod::kPost:
      return "POST";
    case HttpMethod::kDelete:
      return "DELETE";
  }
  return "GET";
}

absl::string_view HttpResponse::Header(absl::string_view name) const {
  for (const HttpHeader& header : headers) {
    if (header.name == name) return header.value;
  }
  return "";
}

bool NeverLeft(const absl::Status& status) {
  return ReasonOf(status) == Reason::kUpstreamUnreachable;
}

absl::string_view WithoutQuery(absl::string_view url) {
  return url.substr(0, url.find_first_of("?#"));
}

std::string HostOf(absl::string_view url) {
  const size_t scheme = url.find("://");
  if (scheme == absl::string_view::npos) return "";
  url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#\\"));
  const size_t at = url.rfind('@');
  if (at != absl::string_view::npos) url.remove_prefix(at + 1);
  if (absl::ConsumePrefix(&url, "[")) {
    url = url.substr(0, url.find_first_of("]%"));
  } else {
    url = url.substr(0, url.find(':'));
  }
  absl::ConsumeSuffix(&url, ".");
  return absl::AsciiStrToLower(url);
}

std::string PercentEncode(absl::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (absl::ascii_isalnum(byte) || absl::StrContains("-._~", c)) {
      encoded.push_back(c);
    } else {
      absl::StrAppend(&encoded, "%",
                      absl::AsciiStrToUpper(
                          absl::StrCat(absl::Hex(byte, absl::kZeroPad2))));
    }
  }
  return encoded;
}

std::string PercentDecode(absl::string_view text) {
  std::string decoded;
  decoded.reserve(text.size());
  while (!text.empty()) {
    const absl::string_view hex = text.substr(1, 2);
    const bool is_byte = text[0] == '%' && hex.size() == 2 &&
                         absl::ascii_isxdigit(hex[0]) &&
                         absl::ascii_isxdigit(hex[1]);
    decoded += is_byte ? absl::HexStringToBytes(hex) : std::string(1, text[0]);
    text.remove_prefix(is_byte ? 3 : 1);
  }
  return decoded;
}

}  // namespace lakefs::gateway
