// The real gateway program, run for a test.
#pragma once

#include <sys/types.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "lakefs/staging/v1/staging.grpc.pb.h"

namespace lakefs::gateway::testing {

// A `lakefs-staging-gateway` on a free port of loopback, with the emulator's
// keys. Its log goes to a file of its own, which `Log` reads.
class GatewayProcess {
 public:
  // Starts it and waits until it listens; a failure fails the test.
  explicit GatewayProcess(const std::string& lakefs_endpoint,
                          std::vector<std::string> flags = {},
                          std::map<std::string, std::string> environment = {});
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
  // The most memory that was resident so far.
  int64_t PeakRssBytes() const;
  int64_t RssBytes() const;

 private:
  // A figure of /proc/PID/status.
  int64_t StatusBytes(const std::string& name) const;

  pid_t pid_ = -1;
  std::string address_;
  std::string admin_;
  std::string log_file_;
};

}  // namespace lakefs::gateway::testing
