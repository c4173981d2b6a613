// The messages of a call whose request came whole.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/clients/gateway/call.h"

namespace lakefs::staging::testing {

// Has nothing to read; what a step sends is made by `send`.
class ReplyWire : public Wire {
 public:
  using Sender = std::function<bool(const std::string&, const nlohmann::json&)>;

  explicit ReplyWire(Sender send) : send_(std::move(send)) {}

  bool Has(const std::string&, const nlohmann::json&) override { return true; }
  bool Receive() override { return false; }
  bool ReceiveWithin(int) override { return false; }
  bool Send(const std::string& step, const nlohmann::json& value) override {
    return send_(step, value);
  }

 private:
  const Sender send_;
};

}  // namespace lakefs::staging::testing
