// A store like S3, path style, in memory.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/emulator/blob_table.h"
#include "tests/emulator/emulator_options.h"
#include "tests/emulator/multipart_uploads.h"
#include "tests/emulator/object_store.h"
#include "tests/emulator/sigv4.h"

namespace lakefs::gateway::testing {

// Takes signed requests only: by presigned URL, or by the store's own keys in
// an Authorization header. Puts, gets and deletes objects, whole or in parts.
class S3Store final : public ObjectStore {
 public:
  explicit S3Store(const EmulatorOptions& options);

  absl::string_view type() const override { return "s3"; }
  bool has_presign() const override { return true; }
  bool has_multipart() const override { return true; }
  std::string NamespaceOf(absl::string_view repository) const override;
  StoredObject Put(const std::string& address, Content content,
                   const std::string& content_type) override;
  std::optional<Content> Get(const std::string& address) const override;
  absl::StatusOr<std::string> Presign(absl::string_view method,
                                      const std::string& address) override;
  std::string CreateUpload(const std::string& address) override;
  std::string PresignPart(const std::string& address,
                          const std::string& upload_id, int number) override;
  absl::StatusOr<StoredObject> CompleteUpload(
      const std::string& address, const std::string& upload_id,
      const std::vector<CompletedPart>& parts) override;
  void AbortUpload(const std::string& address,
                   const std::string& upload_id) override;
  int OpenUploads() const override { return uploads_.Open(); }
  std::string OperationOf(const HttpRequest& request) const override;
  HttpResponse Handle(HttpRequest& request) override;

 private:
  HttpResponse Put(const std::string& key, HttpRequest& request);
  HttpResponse Post(const std::string& key, const HttpRequest& request);
  HttpResponse Complete(const std::string& key, const HttpRequest& request);
  HttpResponse Delete(const std::string& key, const HttpRequest& request);
  HttpResponse PutObject(const std::string& key, HttpRequest& request);
  HttpResponse PutPart(const std::string& key, HttpRequest& request);
  HttpResponse GetObject(const std::string& key,
                         const HttpRequest& request) const;

  const std::function<std::chrono::system_clock::time_point()> now_;
  const std::chrono::seconds lifetime_;
  const ContentPolicy policy_;
  const SigV4 signer_;
  BlobTable blobs_;
  MultipartUploads uploads_;
};

// The XML that S3 describes an error with.
HttpResponse S3ErrorReply(int status, absl::string_view code,
                          absl::string_view message,
                          absl::string_view resource);

}  // namespace lakefs::gateway::testing
