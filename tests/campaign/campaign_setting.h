// What tests/campaign/run tells the campaigns.
#pragma once

#include <cstdint>
#include <cstdlib>

#include "absl/strings/numbers.h"

namespace lakefs::gateway::testing {

// The number in an environment variable, or `otherwise` if it has none.
inline uint64_t CampaignSetting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  uint64_t value = 0;
  return text != nullptr && absl::SimpleAtoi(text, &value) ? value : otherwise;
}

}  // namespace lakefs::gateway::testing
