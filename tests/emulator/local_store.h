// A folder of files as lakeFS's store.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

// lakeFS's "local" store: no presigned URLs, no multipart, nothing to connect
// to. Who shares the file system may write the file at an address itself.
//
// Threads: all methods may be called from any thread.
class LocalStore final : public ObjectStore {
 public:
  // `root` exists and is absolute.
  LocalStore(std::string root, const EmulatorOptions& options);

  absl::string_view type() const override { return "local"; }
  bool has_presign() const override { return false; }
  bool has_multipart() const override { return false; }
  std::string NamespaceOf(absl::string_view repository) const override;
  std::string AddressIn(absl::string_view storage_namespace,
                        absl::string_view relative) const override;
  // With the root twice, as real servers of v1.21 and v1.84 do.
  std::string ShownAddress(const std::string& address) const override;
  StoredObject Put(const std::string& address, Content content,
                   const std::string& content_type) override;
  std::optional<Content> Get(const std::string& address) const override;
  absl::Status CheckReadable(const std::string& address) const override;
  absl::StatusOr<std::string> Presign(absl::string_view method,
                                      const std::string& address) override;

 private:
  // The file of an address, or empty if it is not under the root.
  std::string FileOf(absl::string_view address) const;

  const std::string root_;
  const ContentPolicy policy_;
  mutable absl::Mutex mu_;
  // Those whose bytes nobody keeps, by their addresses.
  std::map<std::string, Content> discarded_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
