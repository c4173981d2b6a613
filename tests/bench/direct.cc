// The same work by libcurl alone, without the gateway. Prints one line of JSON.
//
//   bench-direct LAKEFS_URL put BYTES             one PUT from memory
//   bench-direct LAKEFS_URL small CALLERS SIZE SECONDS
//                                     address, PUT, link for each object
//   bench-direct LAKEFS_URL address CALLERS SECONDS
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "tests/bench/direct_caller.h"
#include "tests/bench/repeat.h"

namespace {

using lakefs::gateway::bench::DirectCaller;
using lakefs::gateway::bench::Repeat;
using Clock = std::chrono::steady_clock;

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
    Repeat<DirectCaller>(url, callers, std::atof(argv[4]),
                         [](DirectCaller& caller) { caller.GetAddress(); });
    return 0;
  }
  const std::string data(static_cast<size_t>(std::atoll(argv[4])), 'x');
  Repeat<DirectCaller>(url, callers, std::atof(argv[5]),
                       [&](DirectCaller& caller) { caller.Upload(data); });
}
