// Ways to a store that the gateway was given beside lakeFS's presigned URLs.
#pragma once

#include <map>
#include <string>

#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway {

// Those to one store; null where there is none. Owned by who wires the program.
struct OwnWays {
  ObjectStore* direct_s3 = nullptr;   // by keys of our own
  ObjectStore* local_file = nullptr;  // on a shared volume
};

// Those to all stores of lakeFS.
struct OwnWaysByStore {
  OwnWays usual;  // to each that has none of its own
  std::map<std::string, OwnWays> by_blockstore_id;

  const OwnWays& To(const std::string& blockstore_id) const {
    const auto own = by_blockstore_id.find(blockstore_id);
    return own == by_blockstore_id.end() ? usual : own->second;
  }
};

}  // namespace lakefs::gateway
