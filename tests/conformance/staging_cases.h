// The staging API of lakeFS, case by case, as its clients meet it.
#pragma once

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "tests/conformance/staging_client.h"

namespace lakefs::gateway::testing {

// What was seen, step by step: answers as Said() puts them, and values.
using Seen = std::vector<std::string>;

// One row: what is done, and what has to be seen.
struct StagingCase {
  std::string name;  // states the behaviour; unique, letters only
  std::function<Seen(StagingClient&)> act;
  Seen expected;
};

// How GoogleTest names a row in its messages.
inline void PrintTo(const StagingCase& row, std::ostream* out) {
  *out << row.name;
}

// All rows. They hold for lakeFS v1.84 on a store like S3, a real one as well
// as the emulator. Each leaves the branch in order for the next.
std::vector<StagingCase> StagingCases();

// Further rows, of servers that implement If-Match.
std::vector<StagingCase> IfMatchCases();

// The bytes "bytes" as stores and lakeFS sum them up.
inline constexpr char kMd5OfBytes[] = "4b3a6218bb3e3a7303e8a171a60fcf92";

// A repository or branch that is not there.
inline constexpr char kMissing[] = "no-such-thing";

// Its sections.
std::vector<StagingCase> AddressCases();
std::vector<StagingCase> LinkCases();
std::vector<StagingCase> ConditionCases();
std::vector<StagingCase> UploadCases();
std::vector<StagingCase> PathCases();

}  // namespace lakefs::gateway::testing
