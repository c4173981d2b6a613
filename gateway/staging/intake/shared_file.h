// Files on volumes that callers and the gateway share.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "gateway/process/fd.h"
#include "gateway/staging/intake/file_access.h"

namespace lakefs::gateway {

// A file that is open for reading, and what it was when it was opened.
//
// Threads: all methods may be called from any thread.
class SharedFile {
 public:
  int fd() const { return fd_.get(); }
  int64_t size_bytes() const { return opened_.st_size; }

  // Whether it is no longer what was opened: another size, another time of
  // modification or of change, to the nanosecond. So it is, too, once it was
  // deleted or another file was put in its place.
  //
  // What is written through a mapping shows late, and is not found out so.
  bool Changed() const;

 private:
  friend class SharedFolders;
  SharedFile(Fd fd, const struct stat& opened)
      : fd_(std::move(fd)), opened_(opened) {}

  Fd fd_;
  struct stat opened_;
};

// The folders that are shared, and nothing outside of them: no name, no link
// and no "..", leads out, and no file is opened that is not a regular one.
//
// Threads: OpenFile may be called from any thread.
class SharedFolders {
 public:
  struct Root {
    std::string callers;  // where callers have it
    std::string here;     // where it is here
  };

  // Opens the folders; both names absolute, without a slash at their end.
  // Errors: INVALID_ARGUMENT, which names the setting, if one is missing or no
  // folder, or if the system cannot keep a look-up inside (Linux before 5.6,
  // or a sandbox that does not know openat2).
  static absl::StatusOr<std::unique_ptr<SharedFolders>> Open(
      const std::vector<Root>& roots);

  // Opens `path`, as its caller has it, for `user`, who must be allowed to read
  // it and to reach it from the shared folder on; see Allows. Links within the
  // folder are followed, but the last name must not be one.
  //
  // Errors: INVALID_ARGUMENT, INVALID_REQUEST if it is not an absolute path;
  // PERMISSION_DENIED, SOURCE_REFUSED if it is in no shared folder, no regular
  // file, or may not be read, by the caller or by the gateway; NOT_FOUND,
  // SOURCE_REFUSED if there is none in a folder that the caller may search.
  // Blocking: as long as the file system takes; a FIFO or a device holds nobody
  // up, and is not touched.
  absl::StatusOr<SharedFile> OpenFile(
      const std::string& path, const std::optional<FileUser>& user) const;

 private:
  struct OpenRoot {
    std::string callers;
    Fd folder;
  };

  const OpenRoot* RootOf(const std::string& path) const;

  std::vector<OpenRoot> roots_;
};

}  // namespace lakefs::gateway
