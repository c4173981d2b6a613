#include "gateway/objectstore/local_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/crc32c.h"
#include "gateway/base/error.h"
#include "gateway/process/fd.h"

namespace lakefs::gateway {
namespace {

absl::Status Refused(absl::string_view why) {
  return MakeError(absl::StatusCode::kFailedPrecondition,
                   absl::StrCat("the address that lakeFS gave out ", why),
                   Reason::kStoreRejected);
}

absl::Status Failed(absl::string_view what) {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT;
  return MakeError(
      full ? absl::StatusCode::kResourceExhausted : absl::StatusCode::kInternal,
      absl::StrCat("the local store: ", what, ": ", std::strerror(error)),
      Reason::kStoreRejected);
}

// The segments below the root; an error if the address leads elsewhere.
absl::StatusOr<std::vector<std::string>> SegmentsOf(
    const std::string& physical_address, const std::string& root) {
  absl::string_view path = physical_address;
  if (!absl::ConsumePrefix(&path, kLocalScheme) ||
      !absl::ConsumePrefix(&path, root) || !absl::ConsumePrefix(&path, "/")) {
    return Refused(absl::StrCat("is not below ", kLocalScheme, root,
                                ", the folder of --local-store"));
  }
  std::vector<std::string> segments = absl::StrSplit(path, '/');
  for (const std::string& segment : segments) {
    if (segment.empty() || segment == "." || segment == ".." ||
        absl::StrContains(segment, absl::string_view("\0", 1))) {
      return Refused("has a segment that is no name");
    }
  }
  return segments;
}

// Has the names in a folder outlive the machine, as fsync does the bytes of a
// file.
absl::Status SyncNames(const Fd& folder) {
  // O_PATH descriptors cannot be synced.
  const Fd open(openat(folder.get(), ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC));
  if (!open.ok() || fsync(open.get()) != 0) return Failed("write a folder out");
  return absl::OkStatus();
}

// Opens the folder of a file, making what lacks; links are not followed.
absl::StatusOr<Fd> OpenFolder(const std::string& mount,
                              const std::vector<std::string>& segments) {
  Fd folder(open(mount.c_str(), O_DIRECTORY | O_PATH | O_CLOEXEC));
  if (!folder.ok()) return Failed(absl::StrCat("open ", mount));
  for (size_t i = 0; i + 1 < segments.size(); ++i) {
    const char* name = segments[i].c_str();
    if (mkdirat(folder.get(), name, 0755) == 0) {
      if (auto s = SyncNames(folder); !s.ok()) return s;
    } else if (errno != EEXIST) {
      return Failed("make a folder");
    }
    Fd next(openat(folder.get(), name,
                   O_DIRECTORY | O_PATH | O_CLOEXEC | O_NOFOLLOW));
    if (!next.ok()) return Failed("open a folder");
    folder = std::move(next);
  }
  return folder;
}

}  // namespace

// A temporary file on its way to its name.
class LocalStore::File final : public PartedUpload {
 public:
  File(Fd folder, Fd file, std::string temporary, std::string name,
       int64_t part_bytes)
      : folder_(std::move(folder)),
        file_(std::move(file)),
        temporary_(std::move(temporary)),
        name_(std::move(name)),
        part_bytes_(part_bytes) {}
  ~File() override { Remove(); }

  static absl::StatusOr<std::unique_ptr<File>> Create(
      const LocalStoreOptions& options, const StagingLocation& location,
      int64_t part_bytes) {
    const auto segments =
        SegmentsOf(location.physical_address, options.lakefs_root);
    if (!segments.ok()) return segments.status();
    auto folder = OpenFolder(options.mount, *segments);
    if (!folder.ok()) return folder.status();
    const std::string& name = segments->back();
    // An address is given out once, so its name is a name for us alone.
    std::string temporary = absl::StrCat(".", name.substr(0, 200), ".staging");
    Fd file(openat(folder->get(), temporary.c_str(),
                   O_CREAT | O_TRUNC | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!file.ok()) return Failed("make a file");
    return std::make_unique<File>(*std::move(folder), std::move(file),
                                  std::move(temporary), name, part_bytes);
  }

  absl::StatusOr<StoredPart> PutPart(const CallContext& context, int number,
                                     const Rope& bytes) override {
    const auto read = bytes.Reader();
    int64_t offset = (number - 1) * part_bytes_;
    uint32_t crc = 0;
    std::string buffer(256 * 1024, '\0');
    while (true) {
      if (auto over = context.Over(); !over.ok()) return over;
      const auto n = read({buffer.data(), buffer.size()});
      if (!n.ok()) return n.status();
      if (*n == 0) break;
      const absl::string_view piece(buffer.data(), *n);
      if (auto s = Write(piece, offset); !s.ok()) return s;
      crc = ConcatCrc32c(crc, Crc32c(piece), piece.size());
      offset += static_cast<int64_t>(piece.size());
    }
    absl::MutexLock lock(&mu_);
    parts_[number] = {crc, bytes.size_bytes()};
    return StoredPart{.number = number, .etag = absl::StrCat(absl::Hex(crc))};
  }

  absl::StatusOr<StoredObject> Complete(const CallContext&,
                                        std::span<const StoredPart>) override {
    if (fsync(file_.get()) != 0) return Failed("write a file out");
    // The second time the first has done it.
    if (!temporary_.empty() && renameat(folder_.get(), temporary_.c_str(),
                                        folder_.get(), name_.c_str()) != 0) {
      return Failed("name a file");
    }
    temporary_.clear();
    if (auto s = SyncNames(folder_); !s.ok()) return s;
    absl::MutexLock lock(&mu_);
    uint32_t crc = 0;
    uint64_t size = 0;
    for (const auto& [number, part] : parts_) {
      crc = ConcatCrc32c(crc, part.crc32c, part.size_bytes);
      size += part.size_bytes;
    }
    return StoredObject{
        .checksum = absl::StrCat("crc32c-", absl::Hex(crc, absl::kZeroPad8),
                                 "-", size)};
  }

  absl::Status Abort(const CallContext&) override {
    Remove();
    return absl::OkStatus();
  }

 private:
  struct PartSum {
    uint32_t crc32c;
    uint64_t size_bytes;
  };

  absl::Status Write(absl::string_view bytes, int64_t offset) {
    while (!bytes.empty()) {
      const ssize_t n = pwrite(file_.get(), bytes.data(), bytes.size(), offset);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return Failed("write a file");
      bytes.remove_prefix(static_cast<size_t>(n));
      offset += n;
    }
    return absl::OkStatus();
  }

  void Remove() {
    if (temporary_.empty()) return;
    unlinkat(folder_.get(), temporary_.c_str(), 0);
    temporary_.clear();
  }

  const Fd folder_;
  const Fd file_;
  std::string temporary_;  // empty once it is named or gone
  const std::string name_;
  const int64_t part_bytes_;
  absl::Mutex mu_;
  std::map<int, PartSum> parts_ ABSL_GUARDED_BY(mu_);
};

LocalStore::LocalStore(LocalStoreOptions options)
    : options_(std::move(options)) {}

absl::StatusOr<StoredObject> LocalStore::Put(const CallContext& context,
                                             const StagingLocation& location,
                                             const Rope& bytes,
                                             const std::string&) {
  auto file = File::Create(options_, location, 0);
  if (!file.ok()) return file.status();
  if (auto put = (*file)->PutPart(context, 1, bytes); !put.ok()) {
    return put.status();
  }
  return (*file)->Complete(context, {});
}

absl::StatusOr<std::unique_ptr<PartedUpload>> LocalStore::BeginParts(
    const CallContext&, const StagingLocation& location, int64_t part_bytes,
    const std::string&) {
  return File::Create(options_, location, part_bytes);
}

}  // namespace lakefs::gateway
