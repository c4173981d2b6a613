#include "tests/clients/gateway/record.h"

#include <cstdio>
#include <string>

namespace lakefs::staging::testing {

using nlohmann::json;

void Record::Write(json event) {
  std::lock_guard<std::mutex> lock(mutex_);
  event["ms"] = std::chrono::duration_cast<std::chrono::milliseconds>(
                    std::chrono::steady_clock::now() - start_)
                    .count();
  std::string line =
      event.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace lakefs::staging::testing
