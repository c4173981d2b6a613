// A store like Google Cloud Storage, path style, in memory.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "tests/emulator/blob_table.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

// Takes PUT and GET by V4 signed URLs; no parts.
//
// Source: URLs recorded of a real lakeFS; replies as the XML API's reference
// has them, since the store behind that recording was another emulator.
class GcsStore final : public ObjectStore {
 public:
  explicit GcsStore(const EmulatorOptions& options);

  absl::string_view type() const override { return "gs"; }
  bool has_presign() const override { return true; }
  bool has_multipart() const override { return false; }
  std::string NamespaceOf(absl::string_view repository) const override;
  StoredObject Put(const std::string& address, Content content,
                   const std::string& content_type) override;
  std::optional<Content> Get(const std::string& address) const override;
  absl::StatusOr<std::string> Presign(absl::string_view method,
                                      const std::string& address) override;
  std::string OperationOf(const HttpRequest& request) const override;
  HttpResponse Handle(HttpRequest& request) override;

 private:
  HttpResponse PutObject(const std::string& key, HttpRequest& request);
  HttpResponse GetObject(const std::string& key,
                         const HttpRequest& request) const;
  std::string Signature(absl::string_view method, absl::string_view host,
                        absl::string_view key, absl::string_view date,
                        absl::string_view lifetime) const;

  const std::function<std::chrono::system_clock::time_point()> now_;
  const std::chrono::seconds lifetime_;
  const ContentPolicy policy_;
  const std::string secret_;
  BlobTable blobs_;
};

}  // namespace lakefs::gateway::testing
