#include "gateway/base/thread_budget.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "gateway/base/log.h"

namespace lakefs::gateway {
namespace {

// So many are looked for at a time. It takes some milliseconds.
constexpr int kBatch = 64;

// Where the limit was met, it is not met again sooner: for a moment nobody else
// can start a thread.
constexpr absl::Duration kLookEvery = absl::Seconds(1);

// How many threads can be started now, up to `most`.
int Startable(int most) {
  const WithoutSpareThreads none;
  absl::Notification end;
  std::vector<std::thread> threads;
  threads.reserve(static_cast<size_t>(most));
  try {
    for (int i = 0; i < most; ++i) {
      threads.emplace_back([&end] { end.WaitForNotification(); });
    }
  } catch (const std::system_error&) {
  }
  end.Notify();
  for (std::thread& thread : threads) thread.join();
  return static_cast<int>(threads.size());
}

// Sanitizers have a pthread_create of their own; clang tells of them so.
#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define LAKEFS_STAGING_KEEPS_THREADS 0
#else
#define LAKEFS_STAGING_KEEPS_THREADS 1
#endif

using Start = void* (*)(void*);

thread_local int without_spare = 0;

// Threads that sleep until they are given something to run.
class SpareThreads {
 public:
  // Starts what lacks to `count`. Returns how many of those there are.
  int Fill(int count) {
    if (LAKEFS_STAGING_KEEPS_THREADS == 0) return Startable(count);
    const WithoutSpareThreads none;
    absl::MutexLock lock(&mu_);
    while (static_cast<int>(asleep_.size()) < count) {
      auto sleeper = std::make_unique<Sleeper>();
      if (pthread_create(&sleeper->id, nullptr, &Sleep, sleeper.get()) != 0) {
        break;
      }
      asleep_.push_back(sleeper.release());
    }
    return std::min(count, static_cast<int>(asleep_.size()));
  }

  // One of them runs `start`, as if it had been started for that. Returns
  // whether there was one. Their stacks are of the usual size.
  bool HandOver(pthread_t* id, const pthread_attr_t* attributes, Start start,
                void* argument) {
    Sleeper* sleeper = nullptr;
    {
      absl::MutexLock lock(&mu_);
      if (asleep_.empty()) return false;
      sleeper = asleep_.back();
      asleep_.pop_back();
    }
    *id = sleeper->id;
    int state = PTHREAD_CREATE_JOINABLE;
    if (attributes != nullptr) pthread_attr_getdetachstate(attributes, &state);
    if (state == PTHREAD_CREATE_DETACHED) pthread_detach(sleeper->id);
    sleeper->start = start;
    sleeper->argument = argument;
    sleeper->woken.Notify();
    return true;
  }

 private:
  struct Sleeper {
    pthread_t id{};
    Start start = nullptr;
    void* argument = nullptr;
    absl::Notification woken;
  };

  static void* Sleep(void* sleeper) {
    std::unique_ptr<Sleeper> own(static_cast<Sleeper*>(sleeper));
    own->woken.WaitForNotification();
    const Start start = own->start;
    void* const argument = own->argument;
    own.reset();
    return start(argument);
  }

  absl::Mutex mu_;
  std::vector<Sleeper*> asleep_ ABSL_GUARDED_BY(mu_);
};

// Never destroyed: they sleep on when the program ends.
SpareThreads& Spare() {
  static SpareThreads& spare = *new SpareThreads;
  return spare;
}

}  // namespace

WithoutSpareThreads::WithoutSpareThreads() { ++without_spare; }
WithoutSpareThreads::~WithoutSpareThreads() { --without_spare; }

absl::Status ThreadBudget::Reserve(int threads) {
  absl::MutexLock lock(&mu_);
  if (!Have(threads)) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "the system lets the gateway start ", free_ + spare_,
        " threads at most, and it needs ", threads + spare_,
        ": raise the limit of the user (ulimit -u, RLIMIT_NPROC) or of the "
        "container (pids.max)"));
  }
  free_ -= threads;
  Spare().Fill(spare_ + threads);
  return absl::OkStatus();
}

bool ThreadBudget::TryTake() {
  absl::MutexLock lock(&mu_);
  if (!Have(1)) return false;
  --free_;
  return true;
}

void ThreadBudget::Failed() {
  absl::MutexLock lock(&mu_);
  free_ = 0;
  look_again_ = absl::Now() + kLookEvery;
}

bool ThreadBudget::Have(int threads) {
  if (free_ >= threads) return true;
  if (absl::Now() < look_again_) return false;
  const int wanted = std::max(threads, kBatch);
  int startable = Spare().Fill(spare_);
  if (startable == spare_) startable += Startable(wanted);
  free_ = startable - spare_;
  if (free_ < wanted) {
    look_again_ = absl::Now() + kLookEvery;
    Log(LogLevel::kWarning, "threads are limited",
        {{"left", int64_t{startable}}, {"kept for gRPC", int64_t{spare_}}});
  }
  return free_ >= threads;
}

}  // namespace lakefs::gateway

// In the place of libc's, for all of the program.
//
// A library that is refused a thread has no caller to say so to: gRPC 1.51 goes
// on as if it had it, so that calls are never served and its end never comes.
#if LAKEFS_STAGING_KEEPS_THREADS
extern "C" int pthread_create(pthread_t* id, const pthread_attr_t* attributes,
                              void* (*start)(void*), void* argument) noexcept {
  using Create =
      int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*);
  static const auto create =
      reinterpret_cast<Create>(dlsym(RTLD_NEXT, "pthread_create"));
  const int error = create(id, attributes, start, argument);
  if (error != EAGAIN || lakefs::gateway::without_spare > 0) return error;
  return lakefs::gateway::Spare().HandOver(id, attributes, start, argument)
             ? 0
             : error;
}
#endif
