// The log: one JSON object a line, on stderr.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/string_view.h"

namespace lakefs::gateway {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

using LogValue = std::variant<std::string, int64_t, double>;
using LogField = std::pair<absl::string_view, LogValue>;

// Sets the least level that is written; kInfo before the first call. Not to be
// called while others log.
void SetLogLevel(LogLevel level);

// Whether lines of that level are written.
bool LogEnabled(LogLevel level);

// Writes one line: time, level, `event` (a short constant), then the fields in
// their order. Fields never hold secrets: no URL with its query, no key, no
// token, no cookie.
//
// Threads: may be called from any thread; lines do not mix.
void Log(LogLevel level, absl::string_view event,
         std::initializer_list<LogField> fields = {});

}  // namespace lakefs::gateway
