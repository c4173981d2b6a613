// Text from outside, made fit to be shown.
#pragma once

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// What may stand of a foreign text in a status, a log or an answer: at most
// `max_characters` of it, in one line, and valid UTF-8 whatever it was.
//
// Left out, since servers quote what they were sent: the queries of URLs (that
// of a presigned one is a secret) and the users in them, credentials after
// "Bearer" and "Basic", and values that are named a signature, token, secret or
// password. What is no character, or would move or hide others where it is
// shown, becomes a space, and broken UTF-8 the replacement character.
//
// Every string of others goes through here before it is told, by MakeError and
// Log at the latest.
std::string Excerpt(absl::string_view text, size_t max_characters = 256);

}  // namespace lakefs::gateway
