#include "gateway/staging/intake/memory_budget.h"

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
  auto reservation = Wait(context, door, bytes, std::nullopt);
  if (!reservation.ok()) return reservation.status();
  return *std::move(*reservation);
}

absl::StatusOr<std::optional<Reservation>> MemoryBudget::ReserveUnlessStuck(
    const CallContext& context, int64_t bytes, Duration patience) {
  return Wait(context, Door::kLarge, bytes, patience);
}

// Nothing only if `patience` is given, and at its end.
absl::StatusOr<std::optional<Reservation>> MemoryBudget::Wait(
    const CallContext& context, Door door, int64_t bytes,
    std::optional<Duration> patience) {
  Waiter waiter{.door = door, .bytes = bytes};
  {
    absl::MutexLock lock(&mu_);
    if (WaitersAt(door).empty() && Fits(door, bytes)) return Take(door, bytes);
    WaitersAt(door).push_back(&waiter);
    Serve();
  }
  CancelHook wake(context, [this, &waiter] {
    absl::MutexLock lock(&mu_);
    waiter.cancelled = true;
  });
  const auto over = [&waiter] { return waiter.granted || waiter.cancelled; };
  Clock& clock = context.clock();
  absl::MutexLock lock(&mu_);
  bool stuck = false;
  while (!over() && !stuck && clock.Now() < context.deadline()) {
    const uint64_t given = parts_given_;
    const TimePoint until =
        patience ? clock.Now() + *patience : context.deadline();
    clock.WaitUntil(mu_, std::min(until, context.deadline()),
                    absl::Condition(&over));
    stuck = patience && clock.Now() >= until && parts_given_ == given;
  }
  if (waiter.granted) return Held(door, bytes);
  WaitersAt(door).remove(&waiter);
  Serve();  // who stands behind may need less
  if (waiter.cancelled) {
    return absl::CancelledError("the caller cancelled the call");
  }
  if (stuck) return std::nullopt;
  return absl::DeadlineExceededError(
      "the deadline passed while the upload waited for memory");
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
  used_ += bytes;
  return Held(Door::kLarge, bytes);
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
  Give(door, bytes);
  return Held(door, bytes);
}

void MemoryBudget::Give(Door door, int64_t bytes) {
  used_ += bytes;
  if (door == Door::kSmall) {
    used_by_small_ += bytes;
  } else {
    ++parts_given_;
  }
}

Reservation MemoryBudget::Held(Door door, int64_t bytes) {
  Reservation reservation;
  reservation.budget_ = this;
  (door == Door::kSmall ? reservation.small_ : reservation.large_) = bytes;
  return reservation;
}

void MemoryBudget::Serve() {
  // A part first: it is what gives memory back.
  for (Waiters* waiters : {&large_waiters_, &small_waiters_}) {
    while (!waiters->empty() &&
           Fits(waiters->front()->door, waiters->front()->bytes)) {
      Waiter& waiter = *waiters->front();
      waiters->pop_front();
      Give(waiter.door, waiter.bytes);
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
