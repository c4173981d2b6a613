// Multipart uploads by S3's rules.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/emulator/content.h"
#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

// An error of S3: its code, its HTTP status and its words.
struct S3Error {
  int status = 0;  // 0: no error.
  absl::string_view code;
  absl::string_view message;
};

inline constexpr S3Error kNoSuchUpload = {
    404, "NoSuchUpload",
    "The specified multipart upload does not exist. The upload ID may be "
    "invalid, or the upload may have been aborted or completed."};

// The open uploads of a store, with their parts.
//
// Shape: parts 1 to 10,000, at least 5 MiB each but the last; the ETag of the
// whole is md5(md5s)-N.
// Threads: all methods may be called from any thread.
class MultipartUploads {
 public:
  explicit MultipartUploads(const ContentPolicy& policy) : policy_(policy) {}

  std::string Create(const std::string& key);

  // Keeps a part, in place of an earlier one with its number, and sets `etag`
  // (quoted).
  S3Error PutPart(const std::string& key, const std::string& upload_id,
                  int number, Content content, std::string& etag);

  // Puts the object together and ends the upload; a refused list leaves it
  // open.
  S3Error Complete(const std::string& key, const std::string& upload_id,
                   const std::vector<CompletedPart>& parts, Content& whole,
                   std::string& etag);

  // Returns whether there was such an upload.
  bool Abort(const std::string& key, const std::string& upload_id);

  int Open() const;

 private:
  struct Part {
    Content content;
    std::string etag_bytes;
  };
  struct Upload {
    std::string key;
    std::map<int, Part> parts;
  };

  const ContentPolicy policy_;
  mutable absl::Mutex mu_;
  int next_ ABSL_GUARDED_BY(mu_) = 0;
  std::map<std::string, Upload> uploads_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway::testing
