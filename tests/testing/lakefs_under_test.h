// The lakeFS that a conformance test runs against: the emulator, or a real one.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "tests/emulator/emulator_options.h"

namespace lakefs::gateway::testing {

// A server with one repository, whose branch "main" the test may write to.
//
// Threads: all methods may be called from any thread.
class LakefsUnderTest {
 public:
  virtual ~LakefsUnderTest() = default;

  // The emulator, of `options`; a real server if LAKEFS_ENDPOINT is set, with
  // LAKEFS_REPOSITORY and the keys in LAKECTL_CREDENTIALS_….
  static std::unique_ptr<LakefsUnderTest> New(
      const EmulatorOptions& options = {});

  virtual std::string endpoint() const = 0;
  // The emulator's; empty of a real server, which does not tell.
  virtual std::string store_endpoint() const = 0;
  virtual std::string repository() const = 0;
  virtual bool is_real() const = 0;

  // Commits the branch; whether there was something to commit.
  virtual bool Commit() = 0;

  // The bytes at the path, as a reader gets them.
  virtual std::optional<std::string> Read(const std::string& path) = 0;
};

}  // namespace lakefs::gateway::testing
