// Waiting for what another thread or process does.
#pragma once

#include <chrono>
#include <thread>

namespace lakefs::gateway::testing {

// Blocks until `condition()` holds, a minute at most; whether it does.
template <typename Condition>
bool Await(const Condition& condition) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

}  // namespace lakefs::gateway::testing
