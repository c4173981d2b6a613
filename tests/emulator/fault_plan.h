// The faults that are still to come.
#pragma once

#include <optional>
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
  std::optional<Fault> Take(absl::string_view operation);

  std::vector<Fault> Unconsumed() const;

  // Takes all faults away.
  void Clear();

 private:
  mutable absl::Mutex mu_;
  std::vector<Fault> faults_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
