// Which operation of lakeFS's API a request is for.
#pragma once

#include <string>

#include "tests/emulator/http_message.h"

namespace lakefs::gateway::testing {

struct Route {
  std::string operation;  // lakeFS's operationId; empty: no such endpoint.
  std::string repository;
  std::string branch;  // Or the ref, where the endpoint takes one.
  std::string upload_id;
  std::string part_number;  // As sent.
};

// Recognizes the endpoints of all dialects.
Route RouteOf(const HttpRequest& request);

}  // namespace lakefs::gateway::testing
