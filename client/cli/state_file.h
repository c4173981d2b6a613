// The file in which the command line keeps how to go on with an upload.
#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace lakefs::staging {

// How to go on with an upload: its request id, and its newest resume token.
struct UploadState {
  std::string request_id;
  std::string token;  // a secret
};

// Holds one state, which has a secret: the file is its owner's alone (0600). It
// is written beside and renamed, so that after a crash, also of the machine,
// the old or the new one is there whole.
//
// Errors: INVALID_ARGUMENT, INVALID_REQUEST if there is a file of that name
// that is something else, which is never written over; SOURCE_UNREADABLE
// otherwise.
class StateFile {
 public:
  explicit StateFile(std::string path) : path_(std::move(path)) {}

  // Nothing if there is no file.
  absl::StatusOr<std::optional<UploadState>> Load() const;

  absl::Status Save(const UploadState& state) const;

  // OK also if there is none.
  absl::Status Remove() const;

  const std::string& path() const { return path_; }

 private:
  absl::Status Failed(absl::string_view what) const;

  const std::string path_;
};

}  // namespace lakefs::staging
