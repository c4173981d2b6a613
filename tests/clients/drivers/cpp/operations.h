// What the suite tells the driver to do (DRIVERS.md, "Commands").
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <stop_token>
#include <string>
#include <vector>

#include "client/client.h"

namespace lakefs::staging::driver {

// A client for each distinct settings. Threads: any.
class Clients {
 public:
  absl::StatusOr<Client*> Get(const nlohmann::json& settings);

 private:
  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Client>> clients_;
};

// A command under way.
class Run {
 public:
  Run(nlohmann::json command, Clients& clients)
      : command_(std::move(command)), clients_(clients) {}

  // Does it, and returns the answer but for its id.
  nlohmann::json Do();
  void Cancel() { stop_.request_stop(); }

 private:
  using Json = nlohmann::json;

  Json Upload(Client& client);
  Json UploadFile(Client& client);
  Json UploadMany(Client& client);
  Json Write(Client& client);
  Json EndBy(std::unique_ptr<Writer>& writer, const std::string& step);
  absl::Status Produce(Writer& writer);
  Json Outcome(Client& client);
  Json Discard(Client& client);
  Json Address(Client& client);
  Json Link(Client& client);
  static Json Status();

  UploadOptions Options();
  CallOptions PlainOptions();
  absl::StatusOr<v1::ObjectPath> Target() const;
  Json Told(const absl::StatusOr<v1::UploadResult>& result);
  void Tell(Json event);

  const Json command_;
  Clients& clients_;
  std::stop_source stop_;
  int attempts_ = 1;
  std::mutex mutex_;
  Json events_ = Json::array();
};

}  // namespace lakefs::staging::driver
