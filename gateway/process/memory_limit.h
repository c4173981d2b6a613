// The memory that the system lets the process have.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace lakefs::gateway {

// The limit of the process's cgroup, of either version, or of one around it if
// that is lower; nothing where there is none, or none is shown. Those outside
// of the process's own container are not.
//
// `root` is where /proc and /sys are.
std::optional<int64_t> MemoryLimit(const std::string& root = "");

}  // namespace lakefs::gateway
