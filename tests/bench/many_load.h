// One UploadMany with so many objects under way at a time.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "absl/synchronization/mutex.h"
#include "gateway/base/crc32c.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::gateway::bench {

// Sends objects of `data` by one stream for so long, each when there is a place
// for it. Prints how many a second were linked, as a line of JSON.
inline void UploadMany(::lakefs::staging::v1::Staging::Stub& stub,
                       const ::lakefs::staging::v1::UploadHeader& header,
                       const std::string& data, int in_flight, double seconds) {
  using Clock = std::chrono::steady_clock;
  grpc::ClientContext context;
  const auto stream = stub.UploadMany(&context);
  absl::Mutex mu;
  int open = 0;
  const auto has_place = [&] { return open < in_flight; };
  uint64_t linked = 0;
  std::thread reader([&] {
    ::lakefs::staging::v1::UploadManyResponse response;
    while (stream->Read(&response)) {
      if (!response.has_result()) {
        std::cerr << "bench-load: " << response.status() << "\n";
        std::_Exit(1);
      }
      ++linked;
      absl::MutexLock lock(&mu);
      --open;
    }
  });
  ::lakefs::staging::v1::UploadManyRequest request;
  *request.mutable_header() = header;
  request.set_data(data);
  request.set_crc32c(Crc32c(data));
  const auto start = Clock::now();
  const auto end = start + std::chrono::duration<double>(seconds);
  for (uint64_t id = 0; Clock::now() < end; ++id) {
    {
      absl::MutexLock lock(&mu);
      mu.Await(absl::Condition(&has_place));
      ++open;
    }
    request.set_id(id);
    if (!stream->Write(request)) break;
  }
  stream->WritesDone();
  reader.join();
  const std::chrono::duration<double> took = Clock::now() - start;
  if (const auto status = stream->Finish(); !status.ok()) {
    std::cerr << "bench-load: " << status.error_message() << "\n";
    std::_Exit(1);
  }
  std::cout << "{\"objects\": " << linked << ", \"per_second\": "
            << static_cast<double>(linked) / took.count() << "}\n";
}

}  // namespace lakefs::gateway::bench
