// The bytes of an object, or what is remembered of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/emulator/emulator_options.h"

namespace lakefs::gateway::testing {

// Shared with whoever reads it, never changed.
struct Content {
  std::shared_ptr<const std::string> bytes;  // Null if they were discarded.
  uint64_t size_bytes = 0;
  std::string md5;      // Raw; empty if nobody wanted it.
  uint32_t crc32c = 0;  // 0 if nobody wanted it.
};

// What is to be made of the bytes of objects.
struct ContentPolicy {
  bool keeps_bytes = true;
  bool has_md5 = true;
  bool has_crc32c = true;
};

ContentPolicy ContentPolicyOf(const EmulatorOptions& options);

// All of some bytes that are there already.
Content ContentOf(std::string bytes, const ContentPolicy& policy);

// The pieces one behind the other, without an MD5. There are no bytes if one of
// the pieces has none.
Content Joined(const std::vector<Content>& pieces);

// 16 bytes for an ETag: the MD5 if the policy has it, else random ones, as of a
// store that encrypts with keys of its own.
std::string ETagBytes(const Content& content, const ContentPolicy& policy);

}  // namespace lakefs::gateway::testing
