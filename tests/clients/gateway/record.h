// What the scripted gateway tells: one JSON object a line on standard output.
#pragma once

#include <chrono>
#include <mutex>
#include <nlohmann/json.hpp>

namespace lakefs::staging::testing {

// The record of all calls, in the order in which things happened.
//
// Threads: Write may be called from any thread.
class Record {
 public:
  // Adds `ms` since the start to `event` and writes it.
  void Write(nlohmann::json event);

 private:
  const std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  std::mutex mutex_;
};

}  // namespace lakefs::staging::testing
