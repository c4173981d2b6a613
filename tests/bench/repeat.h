// Does one thing by many callers for some time.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace lakefs::gateway::bench {

// Calls `once` by as many callers, each with a connection of its own to
// `address`, for so long. Prints how often a second they did it all together,
// and what it took at the median, as a line of JSON.
template <typename Caller>
void Repeat(const std::string& address, int callers, double seconds,
            const std::function<void(Caller&)>& once) {
  using Clock = std::chrono::steady_clock;
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> times(static_cast<size_t>(callers));
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      Caller caller(address);
      while (!stop) {
        const auto begin = Clock::now();
        once(caller);
        times[static_cast<size_t>(i)].push_back(
            std::chrono::duration<double>(Clock::now() - begin).count());
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  std::vector<double> all;
  for (const auto& list : times)
    all.insert(all.end(), list.begin(), list.end());
  std::sort(all.begin(), all.end());
  std::cout << "{\"per_second\": "
            << static_cast<double>(all.size()) / took.count()
            << ", \"p50_us\": " << all[all.size() / 2] * 1e6 << "}\n";
}

}  // namespace lakefs::gateway::bench
