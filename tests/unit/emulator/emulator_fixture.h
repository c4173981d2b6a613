// A started emulator with one repository, and a client of it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "tests/emulator/emulator.h"
#include "tests/unit/emulator/api_client.h"

namespace lakefs::gateway::testing {

class EmulatorFixture : public ::testing::Test {
 protected:
  explicit EmulatorFixture(EmulatorOptions options = {})
      : emulator_(std::move(options)) {
    emulator_.CreateRepository("repo");
    absl::Status started = emulator_.Start();
    EXPECT_TRUE(started.ok()) << started;
    client_ = std::make_unique<ApiClient>(emulator_);
  }

  void Break(const std::string& operation, Fault::Kind kind) {
    Fault fault;
    fault.operation = operation;
    fault.kind = kind;
    emulator_.AddFault(fault);
  }

  // Puts `bytes` to a new presigned address; sets `staging` to its location.
  Answer Put(const std::string& path, const std::string& bytes,
             nlohmann::json& staging, const ApiClient::Headers& headers = {}) {
    staging = client_->Mint(path, /*presign=*/true);
    return ApiClient::Send("PUT", staging["presigned_url"], bytes, headers);
  }

  Emulator emulator_;
  std::unique_ptr<ApiClient> client_;
};

}  // namespace lakefs::gateway::testing
