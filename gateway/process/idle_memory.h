// Memory that was freed and that nobody needs any more.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>

#include "gateway/base/clock.h"

namespace lakefs::gateway {

// Gives memory back to the system once nobody has used it for a minute. The
// allocator keeps what was freed, since under load the next chunk takes it at
// once and without a page fault; after a burst it would keep it for ever.
//
// Threads: one.
class IdleMemory {
 public:
  struct Figures {
    int64_t resident_bytes;   // what the system counts for the process
    int64_t allocated_bytes;  // what the program has in use of it
  };

  // The figures and the releasing are the allocator's in the program, and
  // fakes in tests.
  IdleMemory(const Clock& clock, std::function<Figures()> measure,
             std::function<void()> give_back);
  // With those of this process.
  explicit IdleMemory(const Clock& clock);

  // To be called every few seconds.
  void Look();

 private:
  int64_t Excess() const;

  const Clock& clock_;
  const std::function<Figures()> measure_;
  const std::function<void()> give_back_;
  // Code, stacks and holes too small to give back: there is always some.
  int64_t floor_bytes_;
  // The least that was too much at all looks since `since_`.
  int64_t least_bytes_;
  TimePoint since_;
};

}  // namespace lakefs::gateway
