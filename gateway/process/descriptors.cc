#include "gateway/process/descriptors.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace lakefs::gateway {
namespace {

int64_t Limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<int64_t>(std::min<rlim_t>(limit.rlim_cur, INT32_MAX));
}

}  // namespace

int64_t RaiseDescriptorLimit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  return Limit();
}

bool HasDescriptors(int count) {
  // The kernel gives out the lowest that is free. That says nothing of free
  // ones behind it, of which there are few.
  const int lowest = open("/", O_PATH | O_CLOEXEC);
  if (lowest < 0) return false;
  close(lowest);
  return lowest + count <= Limit();
}

std::string NoDescriptorLeft() {
  return absl::StrCat(
      "the gateway has no file descriptor left of the ", Limit(),
      " that the system lets it have: raise the hard limit (ulimit -Hn, "
      "RLIMIT_NOFILE)");
}

}  // namespace lakefs::gateway
