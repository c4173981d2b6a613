// A local store on a volume that the gateway shares with lakeFS.
#pragma once

#include <string>

#include "gateway/objectstore/object_store.h"

namespace lakefs::gateway {

struct LocalStoreOptions {
  // The store's folder as lakeFS's addresses name it, and where it is mounted
  // here; absolute, without a slash at the end.
  std::string lakefs_root;
  std::string mount;
};

// Writes objects to the file of their address, "local:///root/repo/data/…". A
// temporary file beside it is filled first and then renamed, so that nobody
// reads half an object. Nothing outside the folder is touched, wherever an
// address or a link in the folder leads.
//
// The checksum is made of size and CRC32C, which are at hand; lakeFS takes it
// as it is.
class LocalStore final : public ObjectStore {
 public:
  explicit LocalStore(LocalStoreOptions options);

  absl::StatusOr<StoredObject> Put(const CallContext& context,
                                   const StagingLocation& location,
                                   const Rope& bytes,
                                   const std::string& content_type) override;
  absl::StatusOr<std::unique_ptr<PartedUpload>> BeginParts(
      const CallContext& context, const StagingLocation& location,
      int64_t part_bytes, const std::string& content_type) override;

 private:
  class File;

  const LocalStoreOptions options_;
};

}  // namespace lakefs::gateway
