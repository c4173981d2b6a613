// The real gateway program, run for a test.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::gateway::testing {

// A `lakefs-staging-gateway` on a free port of loopback, with the emulator's
// keys. Its log goes to a file of its own, which `Log` reads.
class GatewayProcess {
 public:
  // Starts it and waits until it listens; a failure fails the test.
  // `under` is a command that runs it, such as prlimit and its options.
  explicit GatewayProcess(const std::string& lakefs_endpoint,
                          std::vector<std::string> flags = {},
                          std::map<std::string, std::string> environment = {},
                          std::vector<std::string> under = {});
  // Sends SIGTERM and waits; fails the test if it does not end well.
  ~GatewayProcess();

  const std::string& address() const { return address_; }
  // HOST:PORT of the admin port.
  const std::string& admin() const { return admin_; }
  // SIGTERM, without the wait.
  void Terminate() const;
  // SIGKILL, and waits until it is gone.
  void Kill();
  std::unique_ptr<::lakefs::staging::v1::Staging::Stub> NewStub() const;
  std::string Log() const;
  // The memory that is resident, and the most that was so far.
  int64_t RssBytes() const { return StatusBytes("VmRSS:"); }
  int64_t PeakRssBytes() const { return StatusBytes("VmHWM:"); }

 private:
  int64_t StatusBytes(const std::string& field) const;

  pid_t pid_ = -1;
  std::string address_;
  std::string admin_;
  std::string log_file_;
};

// The exit code and all output of the program, run to its end; a start that
// does not fail has none. `under` as above, in one string.
std::pair<int, std::string> RunGatewayToEnd(const std::string& arguments,
                                            const std::string& environment = "",
                                            const std::string& under = "");

}  // namespace lakefs::gateway::testing
