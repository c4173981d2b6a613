// A gateway program before an emulated lakeFS.
#pragma once

#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_replace.h"
#include "tests/emulator/emulator.h"
#include "tests/testing/gateway_process.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {

inline void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.operation;
}

// Both, with the repository quickstart. At its end, every fault has struck and
// no multipart upload is left open. STORE in a flag becomes the store's URL.
class Stage {
 public:
  explicit Stage(EmulatorOptions options, std::vector<std::string> flags = {},
                 std::map<std::string, std::string> environment = {},
                 const std::vector<Fault>& faults = {})
      : emulator(options) {
    EXPECT_TRUE(emulator.Start().ok());
    emulator.CreateRepository("quickstart");
    // Before the gateway asks anything.
    for (const Fault& fault : faults) emulator.AddFault(fault);
    for (std::string& flag : flags) {
      absl::StrReplaceAll({{"STORE", emulator.store_endpoint()}}, &flag);
    }
    gateway = std::make_unique<GatewayProcess>(emulator.endpoint(),
                                               std::move(flags), environment);
    stub = gateway->NewStub();
  }
  ~Stage() {
    EXPECT_THAT(emulator.UnconsumedFaults(), ::testing::IsEmpty());
    if (!may_leave_uploads) {
      EXPECT_EQ(emulator.OpenMultipartUploads(), 0);
    }
  }

  CallEnd Put(const std::string& path, const std::string& data,
              bool known = false, bool if_absent = false) {
    ::lakefs::staging::v1::UploadHeader header = HeaderFor(path, if_absent);
    if (known) header.set_size_bytes(static_cast<int64_t>(data.size()));
    return Upload(*stub, header, data);
  }
  std::optional<std::string> Read(const std::string& path) {
    return emulator.ReadObject("quickstart", "main", path);
  }
  void Break(const std::string& operation, Fault::Kind kind, int times = 1,
             int skip = 0, int status = 503) {
    Fault fault;
    fault.operation = operation;
    fault.kind = kind;
    fault.times = times;
    fault.skip = skip;
    fault.status = status;
    emulator.AddFault(fault);
  }
  // Holds one such request up, after `skip` others.
  void Stall(const std::string& operation, std::chrono::milliseconds delay,
             int skip = 0) {
    Fault fault;
    fault.operation = operation;
    fault.kind = Fault::Kind::kStall;
    fault.delay = delay;
    fault.skip = skip;
    emulator.AddFault(fault);
  }
  int Count(const std::string& operation) {
    int count = 0;
    for (const JournalEntry& entry : emulator.Journal()) {
      count += entry.operation == operation;
    }
    return count;
  }

  // Where a test makes it impossible to clean up.
  bool may_leave_uploads = false;
  Emulator emulator;
  std::unique_ptr<GatewayProcess> gateway;
  std::unique_ptr<::lakefs::staging::v1::Staging::Stub> stub;
};

}  // namespace lakefs::gateway::testing
