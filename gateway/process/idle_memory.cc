#include "gateway/process/idle_memory.h"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <utility>

namespace lakefs::gateway {
namespace {

constexpr Duration kUnusedFor = std::chrono::minutes(1);

// Less than this is not worth the page faults when it is needed again.
constexpr int64_t kWorthwhileBytes = 8 << 20;

IdleMemory::Figures OfThisProcess() {
  int64_t size = 0;
  int64_t resident = 0;
  std::ifstream("/proc/self/statm") >> size >> resident;
  const struct mallinfo2 used = mallinfo2();
  return {.resident_bytes = resident * sysconf(_SC_PAGESIZE),
          .allocated_bytes = static_cast<int64_t>(used.uordblks + used.hblkhd)};
}

}  // namespace

IdleMemory::IdleMemory(const Clock& clock, std::function<Figures()> measure,
                       std::function<void()> give_back)
    : clock_(clock),
      measure_(std::move(measure)),
      give_back_(std::move(give_back)),
      floor_bytes_(Excess()),
      least_bytes_(floor_bytes_),
      since_(clock.Now()) {}

IdleMemory::IdleMemory(const Clock& clock)
    : IdleMemory(clock, OfThisProcess, [] { malloc_trim(0); }) {}

int64_t IdleMemory::Excess() const {
  const Figures now = measure_();
  return now.resident_bytes - now.allocated_bytes;
}

void IdleMemory::Look() {
  const int64_t excess = Excess();
  floor_bytes_ = std::min(floor_bytes_, excess);
  least_bytes_ = std::min(least_bytes_, excess);
  // Used again, or given back already: a minute begins.
  if (least_bytes_ < floor_bytes_ + kWorthwhileBytes) {
    least_bytes_ = excess;
    since_ = clock_.Now();
    return;
  }
  if (clock_.Now() - since_ < kUnusedFor) return;
  give_back_();
  floor_bytes_ = least_bytes_ = Excess();
  since_ = clock_.Now();
}

}  // namespace lakefs::gateway
