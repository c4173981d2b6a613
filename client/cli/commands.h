// What the command line does.
#pragma once

#include <ostream>

#include "client/cli/command_line.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"

namespace lakefs::staging {

// Where a command writes to.
struct Output {
  std::ostream& out;     // results
  std::ostream& err;     // errors and the progress bar
  bool err_is_terminal;  // whether a progress bar makes sense
};

// Runs `line` and returns the exit code of the program. Results go to `out`;
// errors are one line on `err` and, with --json, an object on `out` too.
int RunCommand(const CommandLine& line, const Interrupt& interrupt,
               const Output& output);

}  // namespace lakefs::staging
