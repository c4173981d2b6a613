// A store like Azure Blob Storage, path style, in memory.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/emulator/azure_blob.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

// Takes requests with the SAS of a presigned URL, which reads, adds and writes
// one blob: Put Blob, Put Block, Put Block List, Get Block List, Get, Head.
//
// Source: answers recorded of Azurite, and the REST reference of Blob Storage.
class AzureStore final : public ObjectStore {
 public:
  explicit AzureStore(const EmulatorOptions& options);

  absl::string_view type() const override { return "azure"; }
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
  using Time = std::chrono::system_clock::time_point;

  std::string Signature(absl::string_view key, absl::string_view expiry,
                        absl::string_view permissions) const;
  bool IsSigned(const std::string& key, const HttpRequest& request) const;
  HttpResponse PutBlob(AzureBlob& blob, HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse PutBlock(AzureBlob& blob, HttpRequest& request);
  HttpResponse PutBlockList(AzureBlob& blob, const HttpRequest& request)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  HttpResponse GetBlob(const AzureBlob& blob, const HttpRequest& request) const;
  std::string NextETag() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::function<Time()> now_;
  const std::chrono::seconds lifetime_;
  const ContentPolicy policy_;
  const std::string secret_;
  mutable absl::Mutex mu_;
  uint64_t last_etag_ ABSL_GUARDED_BY(mu_) = 0x1CF44D3A532C300;
  std::map<std::string, AzureBlob> blobs_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
