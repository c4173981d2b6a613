// The same work by libcurl alone, without the gateway. Prints one line of JSON.
//
//   bench-direct LAKEFS_URL put BYTES             one PUT from memory
//   bench-direct LAKEFS_URL small CALLERS SIZE SECONDS
//                                     address, PUT, link for each object
//   bench-direct LAKEFS_URL address CALLERS SECONDS
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

#include "tests/bench/direct_caller.h"

namespace {

using lakefs::gateway::bench::DirectCaller;
using Clock = std::chrono::steady_clock;

void Repeat(const std::string& url, int callers, double seconds,
            const std::function<void(DirectCaller&)>& once) {
  std::atomic<bool> stop = false;
  std::vector<std::vector<double>> times(static_cast<size_t>(callers));
  std::vector<std::thread> threads;
  const auto start = Clock::now();
  for (int i = 0; i < callers; ++i) {
    threads.emplace_back([&, i] {
      DirectCaller caller(url);
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

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::string url = argv[1];
  const std::string mode = argv[2];
  if (mode == "put") {
    const std::string piece(1 << 20, 'x');
    size_t offset = 0;
    DirectCaller caller(url);
    const std::string target = caller.GetAddress()["presigned_url"];
    const auto start = Clock::now();
    caller.Put(target, std::atoll(argv[3]), [&](char* to, size_t size) {
      const size_t n = std::min(size, piece.size() - offset);
      std::memcpy(to, piece.data() + offset, n);
      offset = (offset + n) % piece.size();
      return n;
    });
    const std::chrono::duration<double> took = Clock::now() - start;
    std::cout << "{\"seconds\": " << took.count() << "}\n";
    return 0;
  }
  const int callers = std::atoi(argv[3]);
  if (mode == "address") {
    Repeat(url, callers, std::atof(argv[4]),
           [](DirectCaller& caller) { caller.GetAddress(); });
    return 0;
  }
  const std::string data(static_cast<size_t>(std::atoll(argv[4])), 'x');
  Repeat(url, callers, std::atof(argv[5]),
         [&](DirectCaller& caller) { caller.Upload(data); });
}
