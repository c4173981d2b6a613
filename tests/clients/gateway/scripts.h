// What the gateway has been told to do with the calls to come.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

namespace lakefs::staging::testing {

// The steps of one call, and which one of its key and method it is (1, 2, …).
struct Part {
  int number = 0;
  bool scripted = false;
  nlohmann::json steps;
  nlohmann::json content;  // {"size", "seed"} of what should come, or null
};

// Scripts by key, which is the branch that a call names (../DRIVERS.md knows
// nothing of it: a case makes its targets so).
//
// Threads: all methods may be called from any thread.
class Scripts {
 public:
  // `script`: {"key", "content", "again", "calls": {METHOD: [[STEP, …], …]}}.
  // With "again" the last one of a method serves all calls beyond it.
  void Set(const nlohmann::json& script);

  Part Take(const std::string& key, const std::string& method);

  // Ends the stalls of the key, those to come included.
  void Release(const std::string& key);

  // Waits a little; whether the key has been released.
  bool AwaitRelease(const std::string& key);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, nlohmann::json> scripts_;
  std::map<std::pair<std::string, std::string>, int> taken_;
  std::set<std::string> released_;
};

}  // namespace lakefs::staging::testing
