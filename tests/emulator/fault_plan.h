// The faults that are still to come.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/fault.h"

namespace lakefs::gateway::testing {

// Hands out faults to requests. See Fault for the order.
//
// Threads: all methods may be called from any thread.
class FaultPlan {
 public:
  void Add(Fault fault);

  // The fault that strikes this request of `operation`, if any.
  std::optional<Fault> Take(absl::string_view operation,
                            const std::map<std::string, std::string>& query);

  std::vector<Fault> Unconsumed() const;

  // From now on each request that no other fault strikes is struck with this
  // probability, by a fault that a network or an overloaded server may make.
  void AddRandom(double rate, uint64_t seed);

  // From now on what nobody waits for any more takes no effect.
  void GiveUp() { gives_up_ = true; }
  bool gives_up() const { return gives_up_; }

  // How often each of those struck, by its name.
  std::map<std::string, int> random_struck() const;

  // Takes all faults away.
  void Clear();

 private:
  mutable absl::Mutex mu_;
  std::optional<Fault> Draw(absl::string_view operation)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::vector<Fault> faults_ ABSL_GUARDED_BY(mu_);
  double rate_ ABSL_GUARDED_BY(mu_) = 0;
  std::mt19937_64 random_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int> struck_ ABSL_GUARDED_BY(mu_);
  std::atomic<bool> gives_up_ = false;
};

}  // namespace lakefs::gateway::testing
