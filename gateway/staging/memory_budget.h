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
// door gives a whole part at once. So those that have begun cannot, all
// together, keep each other from a part; and who has its part can fill it
// without more memory, send it, and give it back. What remains is a caller that
// stalls: it has to give way while others wait (see PartReader).
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

  bool Fits(Door door, int64_t bytes) const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  Reservation Take(Door door, int64_t bytes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
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
  Waiters small_waiters_ ABSL_GUARDED_BY(mu_);
  Waiters large_waiters_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
