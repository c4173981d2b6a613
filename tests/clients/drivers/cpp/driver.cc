// Does as the conformance suite tells it, by the client's public API alone. The
// protocol is in tests/clients/DRIVERS.md.
#include <iostream>
#include <thread>

#include "tests/clients/drivers/cpp/operations.h"

namespace lakefs::staging::driver {
namespace {

using nlohmann::json;

class Driver {
 public:
  // Until the end of the input.
  void Serve() {
    for (std::string line; std::getline(std::cin, line);) {
      Begin(json::parse(line));
    }
  }

 private:
  void Begin(const json& command) {
    const int64_t id = command["id"];
    if (command["op"] == "cancel") {
      Cancel(command["of"]);
      return Write({{"id", id}, {"result", json::object()}});
    }
    auto run = std::make_shared<Run>(command, clients_);
    {
      const std::lock_guard lock(mutex_);
      runs_[id] = run;
    }
    std::thread([this, id, run] {
      json answer = run->Do();
      answer["id"] = id;
      {
        const std::lock_guard lock(mutex_);
        runs_.erase(id);
      }
      Write(answer);
    }).detach();
  }

  void Cancel(int64_t id) {
    std::shared_ptr<Run> run;
    {
      const std::lock_guard lock(mutex_);
      const auto found = runs_.find(id);
      if (found != runs_.end()) run = found->second;
    }
    if (run != nullptr) run->Cancel();
  }

  void Write(const json& answer) {
    const std::lock_guard lock(mutex_);
    std::cout << answer.dump(-1, ' ', false, json::error_handler_t::replace)
              << std::endl;
  }

  Clients clients_;
  std::mutex mutex_;
  std::map<int64_t, std::shared_ptr<Run>> runs_;
};

}  // namespace
}  // namespace lakefs::staging::driver

int main() {
  static auto& driver = *new lakefs::staging::driver::Driver();
  driver.Serve();
  std::cout.flush();
  _Exit(0);  // with commands under way, whose threads are not waited for
}
