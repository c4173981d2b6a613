// A block blob: what it is, and the blocks that shall become it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/emulator/content.h"

namespace lakefs::gateway::testing {

struct AzureBlob {
  // nullopt: only uncommitted blocks, or nothing.
  std::optional<Content> content;
  std::string etag;
  std::string content_type;
  std::string content_md5;  // Base64, unchecked if it came with a block list.
  std::map<std::string, Content> committed;
  std::map<std::string, Content> uncommitted;
};

// One entry of a Put Block List: Latest, Committed or Uncommitted, and the id.
struct BlockReference {
  std::string list;
  std::string id;
};

// Reads the XML of a Put Block List; nullopt if it is none.
std::optional<std::vector<BlockReference>> ParseBlockList(
    absl::string_view xml);

// Makes the listed blocks the blob. Returns false, and changes nothing, if one
// is not there.
bool CommitBlocks(const std::vector<BlockReference>& list, AzureBlob& blob);

// The XML of a Get Block List.
std::string DescribeBlocks(const AzureBlob& blob);

}  // namespace lakefs::gateway::testing
