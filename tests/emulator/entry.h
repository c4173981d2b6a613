// What lakeFS knows of one object.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace lakefs::gateway::testing {

struct Entry {
  std::string physical_address;  // In full, whatever form it was sent in.
  bool linked = false;           // By its address, as opposed to uploaded.
  std::string checksum;
  int64_t size_bytes = 0;
  int64_t mtime = 0;  // Seconds since the epoch.
  std::map<std::string, std::string> metadata;
  bool has_metadata = true;  // Else the field is missing in replies.
  std::string content_type;

  // Whether a commit sees no change from one to the other. Times don't count.
  bool IsSameObject(const Entry& other) const {
    return physical_address == other.physical_address &&
           checksum == other.checksum && size_bytes == other.size_bytes &&
           metadata == other.metadata && content_type == other.content_type;
  }
};

// Never changed once made; null where a path was deleted.
using EntryPtr = std::shared_ptr<const Entry>;

}  // namespace lakefs::gateway::testing
