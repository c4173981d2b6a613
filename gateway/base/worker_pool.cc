#include "gateway/base/worker_pool.h"

#include <utility>

namespace lakefs::gateway {

WorkerPool::WorkerPool(int max_threads, int max_queued)
    : max_threads_(max_threads), max_queued_(max_queued) {}

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    threads.swap(threads_);
  }
  for (std::thread& thread : threads) thread.join();
}

bool WorkerPool::TryRun(std::function<void()> task) {
  absl::MutexLock lock(&mu_);
  const int waiting = static_cast<int>(queue_.size());
  if (waiting < idle_) {
    queue_.push_back(std::move(task));
    return true;
  }
  if (static_cast<int>(threads_.size()) < max_threads_) {
    queue_.push_back(std::move(task));
    threads_.emplace_back([this] { Work(); });
    return true;
  }
  if (waiting - idle_ >= max_queued_) return false;
  queue_.push_back(std::move(task));
  return true;
}

void WorkerPool::Work() {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || !queue_.empty();
  };
  absl::MutexLock lock(&mu_);
  while (true) {
    ++idle_;
    mu_.Await(absl::Condition(&ready));
    --idle_;
    if (queue_.empty()) return;
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    mu_.Unlock();
    task();
    task = nullptr;
    mu_.Lock();
  }
}

}  // namespace lakefs::gateway
