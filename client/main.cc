// lakefs-staging: the gateway's calls from the command line.
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "client/cli/command_line.h"
#include "client/cli/commands.h"
#include "client/cli/error_line.h"
#include "client/cli/exit_code.h"
#include "client/cli/interrupt.h"

namespace {

// Each chunk of 1 MiB would otherwise be mapped, faulted in and given back
// anew: a third of the processor time. Either setting alone makes it worse.
void KeepFreedMemory() {
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
}

}  // namespace

int main(int argc, char** argv) {
  KeepFreedMemory();
  // gRPC's own lines on stderr would stand around our one; who wants them sets
  // the variable.
  setenv("GRPC_VERBOSITY", "NONE", /*overwrite=*/0);

  const auto line = lakefs::staging::ParseCommandLine(argc, argv);
  if (!line.ok()) {
    const auto failure = lakefs::staging::FailureOf(line.status());
    std::cerr << lakefs::staging::ErrorLine("", failure) << "\n";
    return static_cast<int>(lakefs::staging::ExitCode::kBadRequest);
  }
  const lakefs::staging::Interrupt interrupt;
  return lakefs::staging::RunCommand(
      *line, interrupt, {std::cout, std::cerr, isatty(STDERR_FILENO) == 1});
}
