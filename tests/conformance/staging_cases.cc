#include "tests/conformance/staging_cases.h"

#include <iterator>

namespace lakefs::gateway::testing {

std::vector<StagingCase> StagingCases() {
  std::vector<StagingCase> all;
  for (auto* section :
       {AddressCases, LinkCases, ConditionCases, UploadCases, PathCases}) {
    std::vector<StagingCase> rows = section();
    std::move(rows.begin(), rows.end(), std::back_inserter(all));
  }
  return all;
}

}  // namespace lakefs::gateway::testing
