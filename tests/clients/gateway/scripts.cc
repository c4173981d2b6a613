#include "tests/clients/gateway/scripts.h"

#include <algorithm>
#include <chrono>

namespace lakefs::staging::testing {

using nlohmann::json;

// How soon a waiting call looks whether its caller is still there.
constexpr std::chrono::milliseconds kLook(5);

void Scripts::Set(const json& script) {
  std::lock_guard<std::mutex> lock(mutex_);
  scripts_[script.at("key")] = script;
}

Part Scripts::Take(const std::string& key, const std::string& method) {
  std::lock_guard<std::mutex> lock(mutex_);
  Part part;
  part.number = ++taken_[{key, method}];
  const auto script = scripts_.find(key);
  if (script == scripts_.end()) return part;
  part.content = script->second.value("content", json());
  const json calls = script->second.at("calls").value(method, json::array());
  const int size = static_cast<int>(calls.size());
  int number = part.number;
  if (script->second.value("again", false)) number = std::min(number, size);
  if (number < 1 || number > size) return part;
  part.scripted = true;
  part.steps = calls[number - 1];
  return part;
}

void Scripts::Release(const std::string& key) {
  std::lock_guard<std::mutex> lock(mutex_);
  released_.insert(key);
  changed_.notify_all();
}

bool Scripts::AwaitRelease(const std::string& key) {
  std::unique_lock<std::mutex> lock(mutex_);
  return changed_.wait_for(lock, kLook,
                           [&] { return released_.count(key) > 0; });
}

}  // namespace lakefs::staging::testing
