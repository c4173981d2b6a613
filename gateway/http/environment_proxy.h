// The proxy that the environment names.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// The variable by which libcurl sends a request for `url` to a proxy, such as
// "https_proxy"; "" if it goes there by itself: none is set, no_proxy names the
// host, or, since networks are not looked into, may name it. For messages: the
// variable's value may hold a password.
std::string ProxyVariable(absl::string_view url);

}  // namespace lakefs::gateway
