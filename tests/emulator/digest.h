// Digests and the texts they travel as.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway::testing {

// Raw bytes of the digest.
std::string Md5(absl::string_view data);
std::string Sha256(absl::string_view data);
std::string HmacSha256(absl::string_view key, absl::string_view data);

// Lower case.
std::string Hex(absl::string_view bytes);

// Percent-encodes all but A-Z a-z 0-9 - . _ ~, and '/' if `keep_slash`.
std::string PercentEncode(absl::string_view text, bool keep_slash = false);

// Undoes percent-encoding; '+' becomes a space if `plus_is_space`.
std::string PercentDecode(absl::string_view text, bool plus_is_space);

}  // namespace lakefs::gateway::testing
