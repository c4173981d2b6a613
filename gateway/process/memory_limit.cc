#include "gateway/process/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace lakefs::gateway {
namespace {

// What version 1 shows where there is no limit, a little below 2^63, is more
// than any machine has.
constexpr int64_t kNoLimit = int64_t{1} << 60;

// Where a cgroup and those around it have their limits.
struct Limits {
  std::string folder;  // of the outermost
  std::string file;
};

int64_t LimitIn(const std::string& path) {
  std::string text;
  int64_t bytes = 0;
  const bool told = std::getline(std::ifstream(path), text) &&
                    absl::SimpleAtoi(text, &bytes);  // "max" is none
  return told ? bytes : kNoLimit;
}

// The least on the way from the outermost to `cgroup`, such as "/a/b".
int64_t LeastLimit(const Limits& limits, const std::string& cgroup) {
  std::string folder = limits.folder;
  int64_t least = LimitIn(absl::StrCat(folder, "/", limits.file));
  for (const absl::string_view name :
       absl::StrSplit(cgroup, '/', absl::SkipEmpty())) {
    if (name == "..") break;  // it is outside of what is shown here
    absl::StrAppend(&folder, "/", name);
    least = std::min(least, LimitIn(absl::StrCat(folder, "/", limits.file)));
  }
  return least;
}

}  // namespace

std::optional<int64_t> MemoryLimit(const std::string& root) {
  const std::string folder = absl::StrCat(root, "/sys/fs/cgroup");
  const Limits v1{absl::StrCat(folder, "/memory"), "memory.limit_in_bytes"};
  const Limits v2{folder, "memory.max"};
  int64_t least = kNoLimit;
  // Each line is ID:CONTROLLERS:CGROUP; version 2 has the ID 0.
  std::ifstream cgroups(absl::StrCat(root, "/proc/self/cgroup"));
  for (std::string line; std::getline(cgroups, line);) {
    const std::vector<std::string> fields =
        absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    if (fields[0] == "0") {
      least = std::min(least, LeastLimit(v2, fields[2]));
    } else if (std::find(controllers.begin(), controllers.end(), "memory") !=
               controllers.end()) {
      least = std::min(least, LeastLimit(v1, fields[2]));
    }
  }
  if (least >= kNoLimit) return std::nullopt;
  return least;
}

}  // namespace lakefs::gateway
