// An HTTP server that no client can keep to itself.
#pragma once

#include <httplib.h>

namespace lakefs::gateway {

// Takes one request a connection: four at a time, while sixteen wait. A request
// has a second to come, however it trickles in, and a connection ten to end.
//
// What it answers is for its owner to set, before it listens.
class BoundedHttpServer final : public httplib::Server {
 public:
  BoundedHttpServer();

 private:
  bool process_and_close_socket(socket_t fd) override;
};

}  // namespace lakefs::gateway
