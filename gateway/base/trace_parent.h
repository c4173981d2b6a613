// The place of a call in a distributed trace.
#pragma once

#include <optional>
#include <string>

#include "absl/random/bit_gen_ref.h"
#include "absl/strings/string_view.h"

namespace lakefs::gateway {

// A W3C traceparent of version 00.
// Source: https://www.w3.org/TR/trace-context/
struct TraceParent {
  std::string trace_id;  // 32 lower-case hexadecimal digits, not all zero
  std::string span_id;   // 16 of them, not all zero
  std::string flags;     // 2 of them

  // The value of a traceparent header. Of a version that is not known yet, what
  // version 00 defines is taken; nothing if it is not valid.
  static std::optional<TraceParent> Parse(absl::string_view text);

  // The same trace with a span of our own.
  TraceParent Child(absl::BitGenRef random) const;

  std::string ToString() const;
};

}  // namespace lakefs::gateway
