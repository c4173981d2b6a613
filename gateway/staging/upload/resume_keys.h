// The keys that resume tokens are sealed with.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/clock.h"

namespace lakefs::gateway {

// Seals texts so that nobody without the key can read, make or change one:
// AES-256-GCM, under a nonce of its own each.
//
// The keys are those of a file, base64 of 32 bytes, one a line: the first
// seals, all open, so that a new one is put before an old one and the old one
// goes when its tokens have. The file is read again every few seconds; one that
// has become unusable is reported, and what was good goes on. Without a file
// there is one key, known to this process alone.
//
// Threads: all methods may be called from any thread.
class ResumeKeys {
 public:
  static constexpr size_t kKeyBytes = 32;
  static constexpr size_t kMostKeys = 16;
  // What a sealed text is longer by: its version, the nonce and the tag.
  static constexpr size_t kOverhead = 1 + 12 + 16;

  // Of the file, or of the process if `path` is empty. `clock` must outlive it.
  // Errors: INVALID_ARGUMENT if the file cannot be read, holds something else,
  // or is open to others.
  static absl::StatusOr<std::unique_ptr<ResumeKeys>> Open(std::string path,
                                                          const Clock& clock);

  std::string Seal(absl::string_view text);

  // Nothing, if `sealed` was not sealed by one of the keys, or was changed.
  std::optional<std::string> Unseal(absl::string_view sealed);

 private:
  using Key = std::array<unsigned char, kKeyBytes>;
  using Keys = std::vector<Key>;

  ResumeKeys(std::string path, const Clock& clock)
      : path_(std::move(path)), clock_(clock) {}
  static absl::StatusOr<Keys> Read(const std::string& path);
  Keys Get();

  const std::string path_;
  const Clock& clock_;
  absl::Mutex mu_;
  Keys keys_ ABSL_GUARDED_BY(mu_);
  TimePoint read_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
