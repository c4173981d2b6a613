#include "gateway/http/environment_proxy.h"

#include <cstdlib>
#include <initializer_list>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "gateway/http/http_client.h"

namespace lakefs::gateway {
namespace {

// The first of the variables that is set to something, or "".
std::string FirstSet(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* value = std::getenv(name);
    if (value != nullptr && *value != '\0') return name;
  }
  return "";
}

// Whether a list such as "localhost,.example.com,10.0.0.0/8" may name the host.
bool MayName(absl::string_view list, const std::string& host) {
  for (absl::string_view entry : absl::StrSplit(list, absl::ByAnyChar(", "))) {
    if (entry == "*" || absl::StrContains(entry, "/")) return true;
    absl::ConsumePrefix(&entry, ".");
    if (entry.empty()) continue;
    if (absl::EqualsIgnoreCase(host, entry)) return true;
    absl::string_view rest = host;
    const bool below =
        absl::ConsumeSuffix(&rest, absl::AsciiStrToLower(entry)) &&
        absl::EndsWith(rest, ".");
    if (below) return true;
  }
  return false;
}

}  // namespace

std::string ProxyVariable(absl::string_view url) {
  // Not HTTP_PROXY, which a CGI's caller may set.
  const std::string variable =
      absl::StartsWith(url, "https://")
          ? FirstSet({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
          : FirstSet({"http_proxy", "all_proxy", "ALL_PROXY"});
  if (variable.empty()) return "";
  const std::string excepts = FirstSet({"no_proxy", "NO_PROXY"});
  if (excepts.empty()) return variable;
  return MayName(std::getenv(excepts.c_str()), HostOf(url)) ? "" : variable;
}

}  // namespace lakefs::gateway
