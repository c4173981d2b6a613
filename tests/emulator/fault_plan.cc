#include "tests/emulator/fault_plan.h"

#include <utility>

namespace lakefs::gateway::testing {

void FaultPlan::Add(Fault fault) {
  absl::MutexLock lock(&mu_);
  faults_.push_back(std::move(fault));
}

std::optional<Fault> FaultPlan::Take(absl::string_view operation) {
  absl::MutexLock lock(&mu_);
  std::optional<Fault> due;
  for (Fault& fault : faults_) {
    if (fault.times == 0) continue;
    if (fault.operation != "*" && fault.operation != operation) continue;
    if (fault.skip > 0) {
      --fault.skip;
    } else if (!due.has_value()) {
      due = fault;
      if (fault.times > 0) --fault.times;
    }
  }
  return due;
}

std::vector<Fault> FaultPlan::Unconsumed() const {
  absl::MutexLock lock(&mu_);
  std::vector<Fault> left;
  for (const Fault& fault : faults_) {
    if (fault.times > 0) left.push_back(fault);
  }
  return left;
}

void FaultPlan::Clear() {
  absl::MutexLock lock(&mu_);
  faults_.clear();
}

}  // namespace lakefs::gateway::testing
