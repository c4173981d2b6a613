// Who the gateway is to lakeFS.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace lakefs::gateway {

// The value of the Authorization header, from an access key or from a bearer
// token. Its contents are secrets: never log them.
//
// Threads: all methods may be called from any thread.
class Credentials {
 public:
  // An access key of lakeFS (basic authentication).
  static Credentials Keys(absl::string_view access_key_id,
                          absl::string_view secret_access_key);
  // A bearer token.
  static Credentials Token(absl::string_view token);
  // A bearer token in a file that somebody else keeps fresh. The file is read
  // at the first use and again when lakeFS refuses what it held.
  static Credentials TokenFile(std::string path);

  Credentials(Credentials&& other) noexcept;

  // "Basic …" or "Bearer …"; empty if the token file cannot be read.
  std::string Authorization();

  // To be called when lakeFS refused `refused`. True if there is now another
  // value to try.
  bool Refresh(absl::string_view refused);

 private:
  Credentials(std::string authorization, std::string token_file);
  void Read() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string token_file_;
  absl::Mutex mu_;
  std::string authorization_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
