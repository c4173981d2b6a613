#include "tests/emulator/byte_range.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {

void FillRange(const std::string& header, const std::string& bytes,
               HttpResponse& reply) {
  absl::string_view text = header;
  std::pair<std::string, std::string> ends =
      absl::ConsumePrefix(&text, "bytes=")
          ? absl::StrSplit(text, absl::MaxSplits('-', 1))
          : std::pair<std::string, std::string>();
  uint64_t size = bytes.size();
  uint64_t first = 0;
  uint64_t last = 0;
  bool has_first = absl::SimpleAtoi(ends.first, &first);
  bool has_last = absl::SimpleAtoi(ends.second, &last);
  if (!has_first && !has_last) {
    reply.body = bytes;
    return;
  }
  if (!has_first) {  // The last so many bytes.
    first = size - std::min(size, last);
    last = size;
  } else if (!has_last) {
    last = size;
  }
  if (first >= size || last < first) {
    reply.status = 416;
    reply.headers["Content-Range"] = absl::StrCat("bytes */", size);
    return;
  }
  last = std::min(last, size - 1);
  reply.status = 206;
  reply.headers["Content-Range"] =
      absl::StrCat("bytes ", first, "-", last, "/", size);
  reply.body = bytes.substr(first, last - first + 1);
}

}  // namespace lakefs::gateway::testing
