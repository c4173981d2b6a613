#include "tests/emulator/fault_plan.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace lakefs::gateway::testing {
namespace {

using Kind = Fault::Kind;

struct RandomKind {
  const char* name;
  Kind kind;
  int status = 0;
  int delay_ms = 0;
  const char* only = "";  // of this operation, if it is not empty
  const char* body = "";
};

// Of what stands before lakeFS, while it knows no way to it.
constexpr char kRouter[] = "404 of a router";
constexpr char kHtml[] = "<html><h1>404 Not Found</h1></html>";

constexpr RandomKind kRandomKinds[] = {
    {"500", Kind::kStatus, 500},
    {"503", Kind::kStatus, 503},
    {"429", Kind::kStatus, 429},
    {"500 after the effect", Kind::kStatusAfter, 500},
    {"503 after the effect", Kind::kStatusAfter, 503},
    {"reset before the effect", Kind::kResetBefore},
    {"reset after the effect", Kind::kResetAfter},
    {"stall", Kind::kStall, 0, 400},
    {"slow", Kind::kSlow, 0, 200},
    {"truncated reply", Kind::kTruncate},
    {"garbage", Kind::kGarbage},
    {"423", Kind::kStatus, 423, 0, "linkPhysicalAddress"},
    {"409 with a location", Kind::kConflictWithLocation, 0, 0,
     "linkPhysicalAddress"},
    {kRouter, Kind::kStatus, 404, 0, "linkPhysicalAddress", kHtml},
    {kRouter, Kind::kStatus, 404, 0, "getPhysicalAddress", kHtml},
    {kRouter, Kind::kStatus, 404, 0, "statObject", kHtml},
    {kRouter, Kind::kStatus, 404, 0, "uploadObject", kHtml},
};

bool Has(const std::map<std::string, std::string>& query,
         const std::map<std::string, std::string>& wanted) {
  return std::includes(query.begin(), query.end(), wanted.begin(),
                       wanted.end());
}

}  // namespace

void FaultPlan::Add(Fault fault) {
  absl::MutexLock lock(&mu_);
  faults_.push_back(std::move(fault));
}

std::optional<Fault> FaultPlan::Take(
    absl::string_view operation,
    const std::map<std::string, std::string>& query) {
  absl::MutexLock lock(&mu_);
  std::optional<Fault> due;
  for (Fault& fault : faults_) {
    if (fault.times == 0) continue;
    if (fault.operation != "*" && fault.operation != operation) continue;
    if (!Has(query, fault.query)) continue;
    if (fault.skip > 0) {
      --fault.skip;
    } else if (!due.has_value()) {
      due = fault;
      if (fault.times > 0) --fault.times;
    }
  }
  return due.has_value() ? due : Draw(operation);
}

std::optional<Fault> FaultPlan::Draw(absl::string_view operation) {
  if (rate_ == 0 || std::bernoulli_distribution(1 - rate_)(random_)) {
    return std::nullopt;
  }
  std::uniform_int_distribution<size_t> any(0, std::size(kRandomKinds) - 1);
  const RandomKind* kind = nullptr;
  do {  // until it is one that fits the operation
    kind = &kRandomKinds[any(random_)];
  } while (*kind->only != '\0' && operation != kind->only);
  const RandomKind& drawn = *kind;
  ++struck_[drawn.name];
  Fault fault;
  fault.operation = std::string(operation);
  fault.kind = drawn.kind;
  fault.status = drawn.status;
  fault.body = drawn.body;
  fault.delay = std::chrono::milliseconds(drawn.delay_ms);
  return fault;
}

void FaultPlan::AddRandom(double rate, uint64_t seed) {
  absl::MutexLock lock(&mu_);
  rate_ = rate;
  random_.seed(seed);
}

std::map<std::string, int> FaultPlan::random_struck() const {
  absl::MutexLock lock(&mu_);
  return struck_;
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
  rate_ = 0;
}

}  // namespace lakefs::gateway::testing
