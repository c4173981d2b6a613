#include "gateway/base/worker_pool.h"

#include <optional>
#include <system_error>
#include <utility>

namespace lakefs::gateway {

WorkerPool::WorkerPool(int max_threads, int max_queued, ThreadBudget* budget,
                       int reserved)
    : max_threads_(max_threads),
      max_queued_(max_queued),
      budget_(budget),
      reserved_(reserved) {}

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
  const int tasks = running_ + static_cast<int>(queue_.size());
  if (tasks >= max_threads_ + max_queued_) return false;
  queue_.push_back(std::move(task));
  const int threads = static_cast<int>(threads_.size());
  if (tasks < threads || threads == max_threads_ || StartThread()) return true;
  if (threads > 0 && tasks - threads < max_queued_) return true;
  queue_.pop_back();
  return false;
}

bool WorkerPool::StartThread() {
  std::optional<WithoutSpareThreads> unreserved;
  if (reserved_ > 0) {
    --reserved_;
  } else if (budget_ != nullptr) {
    if (!budget_->TryTake()) return false;
    unreserved.emplace();
  }
  try {
    threads_.emplace_back([this] { Work(); });
    return true;
  } catch (const std::system_error&) {
    if (budget_ != nullptr) budget_->Failed();
    return false;
  }
}

int WorkerPool::waiting() const {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(queue_.size());
}

void WorkerPool::Work() {
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stopping_ || !queue_.empty();
  };
  absl::MutexLock lock(&mu_);
  while (true) {
    mu_.Await(absl::Condition(&ready));
    if (queue_.empty()) return;
    std::function<void()> task = std::move(queue_.front());
    queue_.pop_front();
    ++running_;
    mu_.Unlock();
    task();
    task = nullptr;
    mu_.Lock();
    --running_;
  }
}

}  // namespace lakefs::gateway
