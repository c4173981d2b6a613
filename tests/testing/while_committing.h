// Callers of a branch that is committed in a loop.
#pragma once

#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include "tests/testing/lakefs_under_test.h"

namespace lakefs::gateway::testing {

// Runs `caller` in that many threads, which it is told apart by, while two
// others commit the branch, and commits it once more. Returns how many commits
// were made.
inline int WhileCommitting(LakefsUnderTest& lakefs, int callers,
                           const std::function<void(int)>& caller) {
  constexpr int kCommitters = 2;
  std::atomic<int> commits = 0;
  std::atomic<bool> stop = false;
  std::vector<std::thread> committers;
  for (int i = 0; i < kCommitters; ++i) {
    committers.emplace_back([&] {
      while (!stop) commits += lakefs.Commit();
    });
  }
  std::vector<std::thread> threads;
  for (int i = 0; i < callers; ++i) threads.emplace_back(caller, i);
  for (std::thread& thread : threads) thread.join();
  stop = true;
  for (std::thread& thread : committers) thread.join();
  lakefs.Commit();
  return commits;
}

}  // namespace lakefs::gateway::testing
