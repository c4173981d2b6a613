// A program, from its start to its end.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <string>
#include <utility>

namespace lakefs::gateway::testing {

// Runs `command` in a shell, until it ends; its exit code, and what it wrote to
// its standard output.
inline std::pair<int, std::string> RunCommand(const std::string& command) {
  FILE* pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe)) {
    output.append(buffer, n);
  }
  return {WEXITSTATUS(pclose(pipe)), output};
}

}  // namespace lakefs::gateway::testing
