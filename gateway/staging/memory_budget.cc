#include "gateway/staging/memory_budget.h"

#include <algorithm>
#include <utility>

namespace lakefs::gateway {

using Reservation = MemoryBudget::Reservation;

Reservation& Reservation::operator=(Reservation&& other) noexcept {
  if (this == &other) return *this;
  Release();
  budget_ = std::exchange(other.budget_, nullptr);
  small_ = std::exchange(other.small_, 0);
  large_ = std::exchange(other.large_, 0);
  return *this;
}

void Reservation::Shrink(int64_t bytes) {
  const int64_t excess = this->bytes() - bytes;
  if (excess <= 0) return;
  const int64_t small = std::min(small_, excess);
  small_ -= small;
  large_ -= excess - small;
  budget_->GiveBack(small, excess - small);
}

void Reservation::Add(Reservation other) {
  if (budget_ == nullptr) budget_ = other.budget_;
  small_ += std::exchange(other.small_, 0);
  large_ += std::exchange(other.large_, 0);
}

Reservation Reservation::Split(int64_t bytes) {
  Reservation part;
  part.budget_ = budget_;
  part.small_ = std::min(small_, bytes);
  part.large_ = std::min(large_, bytes - part.small_);
  small_ -= part.small_;
  large_ -= part.large_;
  return part;
}

absl::StatusOr<Reservation> MemoryBudget::Reserve(const CallContext& context,
                                                  Door door, int64_t bytes) {
  {
    absl::MutexLock lock(&mu_);
    if (WaitersAt(door).empty() && Fits(door, bytes)) return Take(door, bytes);
  }
  Waiter waiter{.door = door, .bytes = bytes};
  {
    absl::MutexLock lock(&mu_);
    WaitersAt(door).push_back(&waiter);
    Serve();
  }
  CancelHook wake(context, [this, &waiter] {
    absl::MutexLock lock(&mu_);
    waiter.cancelled = true;
  });
  const auto over = [&waiter] { return waiter.granted || waiter.cancelled; };
  absl::MutexLock lock(&mu_);
  context.clock().WaitUntil(mu_, context.deadline(), absl::Condition(&over));
  if (!waiter.granted) {
    WaitersAt(door).remove(&waiter);
    Serve();  // who stands behind may need less
    return waiter.cancelled
               ? absl::CancelledError("the caller cancelled the call")
               : absl::DeadlineExceededError(
                     "the deadline passed while the upload waited for memory");
  }
  Reservation reservation;
  reservation.budget_ = this;
  (door == Door::kSmall ? reservation.small_ : reservation.large_) = bytes;
  return reservation;
}

std::optional<Reservation> MemoryBudget::TryReserve(int64_t bytes) {
  absl::MutexLock lock(&mu_);
  if (!small_waiters_.empty() || !large_waiters_.empty() ||
      !Fits(Door::kLarge, bytes)) {
    return std::nullopt;
  }
  return Take(Door::kLarge, bytes);
}

Reservation MemoryBudget::Overdraw(int64_t bytes) {
  absl::MutexLock lock(&mu_);
  return Take(Door::kLarge, bytes);
}

bool MemoryBudget::pressed() const { return waiting() > 0; }

int MemoryBudget::waiting() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(small_waiters_.size() + large_waiters_.size());
}

int64_t MemoryBudget::used_bytes() const {
  absl::MutexLock lock(&mu_);
  return used_;
}

bool MemoryBudget::Fits(Door door, int64_t bytes) const {
  if (used_ + bytes > capacity_) return false;
  return door == Door::kLarge || used_by_small_ + bytes <= capacity_ / 2;
}

Reservation MemoryBudget::Take(Door door, int64_t bytes) {
  Reservation reservation;
  reservation.budget_ = this;
  used_ += bytes;
  if (door == Door::kSmall) {
    used_by_small_ += bytes;
    reservation.small_ = bytes;
  } else {
    reservation.large_ = bytes;
  }
  return reservation;
}

void MemoryBudget::Serve() {
  // A part first: it is what gives memory back.
  for (Waiters* waiters : {&large_waiters_, &small_waiters_}) {
    while (!waiters->empty() &&
           Fits(waiters->front()->door, waiters->front()->bytes)) {
      Waiter& waiter = *waiters->front();
      waiters->pop_front();
      used_ += waiter.bytes;
      if (waiter.door == Door::kSmall) used_by_small_ += waiter.bytes;
      waiter.granted = true;
    }
  }
}

void MemoryBudget::GiveBack(int64_t small, int64_t large) {
  absl::MutexLock lock(&mu_);
  used_ -= small + large;
  used_by_small_ -= small;
  Serve();
}

}  // namespace lakefs::gateway
