#include "gateway/base/trace_parent.h"

#include <algorithm>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

bool IsLowerHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
  });
}

bool IsZero(absl::string_view text) {
  return text.find_first_not_of('0') == absl::string_view::npos;
}

}  // namespace

std::optional<TraceParent> TraceParent::Parse(absl::string_view text) {
  // vv-tttttttttttttttttttttttttttttttt-ssssssssssssssss-ff
  constexpr size_t kLength = 55;
  if (text.size() < kLength || text[2] != '-' || text[35] != '-' ||
      text[52] != '-') {
    return std::nullopt;
  }
  const absl::string_view version = text.substr(0, 2);
  const absl::string_view trace = text.substr(3, 32);
  const absl::string_view span = text.substr(36, 16);
  const absl::string_view flags = text.substr(53, 2);
  if (!IsLowerHex(version) || !IsLowerHex(trace) || !IsLowerHex(span) ||
      !IsLowerHex(flags) || version == "ff" || IsZero(trace) || IsZero(span)) {
    return std::nullopt;
  }
  const bool more = text.size() > kLength;
  if (more && (version == "00" || text[kLength] != '-')) return std::nullopt;
  return TraceParent{std::string(trace), std::string(span), std::string(flags)};
}

TraceParent TraceParent::Child(absl::BitGenRef random) const {
  const auto id =
      absl::Uniform<uint64_t>(absl::IntervalOpenClosed, random, 0, UINT64_MAX);
  return {trace_id, absl::StrCat(absl::Hex(id, absl::kZeroPad16)), flags};
}

std::string TraceParent::ToString() const {
  return absl::StrCat("00-", trace_id, "-", span_id, "-", flags);
}

}  // namespace lakefs::gateway
