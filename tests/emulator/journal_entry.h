// What the emulator remembers of a request.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace lakefs::gateway::testing {

// One request to lakeFS or to its store, in order of arrival. No value of a
// signature, key or token is kept.
struct JournalEntry {
  std::string operation;  // As in Fault::operation.
  std::string method;

  // Path and query as sent, without the values of signatures and tokens.
  std::string target;

  std::map<std::string, std::string> query;

  // Names in lower case; of `authorization` only its scheme.
  std::map<std::string, std::string> headers;

  // The JSON sent to lakeFS; empty for everything else.
  std::string body;

  uint64_t body_bytes = 0;

  // What was answered; 0 for a reset, a stall, and while it is being worked on.
  int status = 0;
};

}  // namespace lakefs::gateway::testing
