// The memory that uploads may hold, all of them together.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/call_context.h"

namespace lakefs::gateway {

// A budget that is waited for, not refused: who gets no memory does not read,
// and its caller is held up by the transport's own flow control.
//
// It has two doors, each first come, first served. The small door lets an
// upload begin, and never gives out more than half of the budget. The large
// door gives a whole part at once; who has its part can fill it without more
// memory, send it, and give it back.
//
// Two things remain, and both are PartReader's to mend. Chunks are taken whole,
// so that an upload can hold some bytes of its next part, and all could wait
// for each other: who waits in vain has to put its bytes aside. And who has its
// part, but a caller that stalls or dawdles, has to give way while others wait.
//
// Threads: all methods may be called from any thread.
class MemoryBudget {
 public:
  enum class Door { kSmall, kLarge };

  // Memory that is held, given back when this goes away.
  class Reservation {
   public:
    Reservation() = default;
    Reservation(Reservation&& other) noexcept { *this = std::move(other); }
    Reservation& operator=(Reservation&& other) noexcept;
    ~Reservation() { Release(); }

    int64_t bytes() const { return small_ + large_; }
    void Release() { Shrink(0); }
    // Gives back all but `bytes`.
    void Shrink(int64_t bytes);
    // Takes over the memory of `other`, of the same budget.
    void Add(Reservation other);
    // Moves `bytes` (at most those held) into a reservation of their own.
    Reservation Split(int64_t bytes);

   private:
    friend class MemoryBudget;
    MemoryBudget* budget_ = nullptr;
    int64_t small_ = 0;  // came by the small door
    int64_t large_ = 0;
  };

  explicit MemoryBudget(int64_t capacity_bytes) : capacity_(capacity_bytes) {}

  // Waits for `bytes`, at most LargestPart().
  // Errors: CANCELLED, DEADLINE_EXCEEDED when the call is over.
  // Blocking: until there is memory, bounded by the call.
  absl::StatusOr<Reservation> Reserve(const CallContext& context, Door door,
                                      int64_t bytes);

  // The same by the large door, but given up, with nothing, once nobody has
  // been given anything there for as long as `patience`.
  absl::StatusOr<std::optional<Reservation>> ReserveUnlessStuck(
      const CallContext& context, int64_t bytes, Duration patience);

  // The same if it can be had at once, and nobody waits for it.
  std::optional<Reservation> TryReserve(int64_t bytes);

  // Takes bytes that are here already: a read that was under way when its
  // upload gave way. The budget may be overdrawn by that; until it is not,
  // nobody gets more.
  Reservation Overdraw(int64_t bytes);

  // Told how each upload gave its memory up to others: "rewind", "spool" or
  // "failed"; to be set before there are any.
  void SetObserver(std::function<void(absl::string_view how)> observer) {
    observer_ = std::move(observer);
  }
  void TellGivenUp(absl::string_view how) const {
    if (observer_) observer_(how);
  }

  // Whether somebody waits.
  bool pressed() const;
  int waiting() const;

  int64_t capacity_bytes() const { return capacity_; }
  int64_t used_bytes() const;
  // No part may be larger: the other half is for those that begin.
  int64_t LargestPart() const { return capacity_ / 2; }

 private:
  struct Waiter {
    Door door;
    int64_t bytes;
    bool granted = false;
    bool cancelled = false;
  };
  using Waiters = std::list<Waiter*>;

  absl::StatusOr<std::optional<Reservation>> Wait(
      const CallContext& context, Door door, int64_t bytes,
      std::optional<Duration> patience);
  bool Fits(Door door, int64_t bytes) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  Reservation Take(Door door, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Give(Door door, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Reservation Held(Door door, int64_t bytes);
  void Serve() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void GiveBack(int64_t small, int64_t large);
  Waiters& WaitersAt(Door door) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return door == Door::kSmall ? small_waiters_ : large_waiters_;
  }

  const int64_t capacity_;
  std::function<void(absl::string_view)> observer_;
  mutable absl::Mutex mu_;
  int64_t used_ ABSL_GUARDED_BY(mu_) = 0;
  int64_t used_by_small_ ABSL_GUARDED_BY(mu_) = 0;
  uint64_t parts_given_ ABSL_GUARDED_BY(mu_) = 0;  // by the large door
  Waiters small_waiters_ ABSL_GUARDED_BY(mu_);
  Waiters large_waiters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
