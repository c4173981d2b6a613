// The exit codes of lakefs-staging.
#pragma once

#include "absl/strings/string_view.h"
#include "client/failure.h"

namespace lakefs::staging {

// One code for each thing that a script would do next. The numbers are a
// promise: kinds may be added, none is ever changed.
enum class ExitCode {
  kOk = 0,
  kInternal = 1,
  kBadRequest = 2,
  kNotFound = 3,
  kAlreadyExists = 4,
  kNotPermitted = 5,
  kStartOver = 6,
  kTryAgain = 7,
  kDataIntegrity = 8,
  kOutcomeUnknown = 9,
  kInterrupted = 130,
};

// The code that a call which failed like this ends the program with. An
// outcome that is not known comes first, since it asks for care before
// anything else.
ExitCode ExitCodeOf(const Failure& failure);

// The table of the codes, as --help shows it.
extern const absl::string_view kExitCodeHelp;

}  // namespace lakefs::staging
