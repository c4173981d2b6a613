// Bytes that go through lakeFS while one request in twenty fails: nothing is
// presigned on a local store, and no address is known beforehand that an upload
// could be found by.
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/testing/stage.h"

namespace lakefs::gateway::testing {
namespace {

namespace pb = ::lakefs::staging::v1;

TEST(FaultsTest, WhatGoesThroughLakefsIsKnownAndStands) {
  constexpr int kCallers = 8;
  constexpr int kObjects = 800;
  Stage stage({.store = StoreKind::kLocal});
  stage.emulator.AddRandomFaults(0.05, /*seed=*/1);
  std::atomic<int> next = 0;
  std::atomic<int> committed = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      auto stub = stage.gateway->NewStub();
      for (int n = next++; n < kObjects; n = next++) {
        const std::string path = absl::StrCat("faults/", n);
        const CallEnd end =
            UploadUnary(*stub, HeaderFor(path, /*if_absent=*/n % 2 == 0), path,
                        std::chrono::minutes(2));
        EXPECT_TRUE(end.status.ok())
            << path << ": " << end.reason << ": " << end.status.error_message();
        committed += end.result.outcome() == pb::OUTCOME_COMMITTED;
        EXPECT_EQ(stage.Read(path), path);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(committed, kObjects);
  int struck = 0;
  for (const auto& [kind, times] : stage.emulator.RandomFaultsStruck()) {
    struck += times;
  }
  EXPECT_GT(struck, kObjects / 100) << "there were hardly any faults";
}

}  // namespace
}  // namespace lakefs::gateway::testing
