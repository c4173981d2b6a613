// One gateway, and how to get to it.
#pragma once

#include <algorithm>
#include <memory>
#include <string>

#include "client/channel.h"
#include "client/upload_options.h"
#include "lakefs_staging/v1/staging.grpc.pb.h"

namespace lakefs::staging {

// What the calls of one client have in common. Threads: any.
struct Gateway {
  const std::string address;
  const std::string authorization;  // a secret; empty: none
  const absl::Duration connect_timeout;
  const std::shared_ptr<grpc::Channel> channel;
  const std::unique_ptr<v1::Staging::Stub> stub = v1::Staging::NewStub(channel);

  // Waits for the connection, see WaitForConnection().
  absl::Status Reach(absl::Time by, absl::Time deadline,
                     const std::stop_token& stop) const {
    return WaitForConnection(channel, address, std::min(by, deadline), stop);
  }
};

}  // namespace lakefs::staging
