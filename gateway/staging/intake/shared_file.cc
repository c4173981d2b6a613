#include "gateway/staging/intake/shared_file.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/error.h"

namespace lakefs::gateway {
namespace {

// A look-up with ".." is broken off by each rename on the machine meanwhile.
constexpr int kMostTries = 64;

// From the shared folder down to a file.
constexpr int kMostFolders = 256;

absl::Status Refused(absl::string_view why) {
  return MakeError(absl::StatusCode::kPermissionDenied,
                   absl::StrCat("the file ", why), Reason::kSourceRefused);
}

// Opens what lies beneath `folder`, wherever links lead.
Fd OpenBeneath(int folder, const std::string& path, uint64_t flags,
               uint64_t resolve = 0) {
  open_how how{.flags = flags | O_CLOEXEC,
               .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | resolve};
  for (int i = 0; i < kMostTries; ++i) {
    const auto fd = static_cast<int>(
        syscall(SYS_openat2, folder, path.c_str(), &how, sizeof(how)));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return Fd(fd);
  }
  return Fd();
}

bool SameFile(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool SameTime(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Whether the user may search all folders from `root` down to `folder`, as they
// really lie: by the links of a path somebody could be led around one.
bool MayReach(int folder, int root, const std::optional<FileUser>& user) {
  struct stat top {};
  if (fstat(root, &top) != 0) return false;
  Fd parent;
  int at = folder;
  for (int i = 0; i < kMostFolders; ++i) {
    struct stat info {};
    if (fstat(at, &info) != 0 || !Allows(at, user, FileRight::kSearch)) {
      return false;
    }
    if (SameFile(info, top)) return true;
    Fd up(openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!up.ok()) return false;
    parent = std::move(up);
    at = parent.get();
  }
  return false;
}

// Waits until a change would show: a file's times are those of the last tick of
// the clock, on many kernels, and two changes within one look like one.
void AwaitNextTick(int fd, struct stat& info) {
  timespec tick{};
  timespec now{};
  clock_getres(CLOCK_REALTIME_COARSE, &tick);
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  const int64_t since = (now.tv_sec - info.st_ctim.tv_sec) * 1'000'000'000 +
                        (now.tv_nsec - info.st_ctim.tv_nsec);
  if (since > tick.tv_nsec || since < -tick.tv_nsec) return;
  tick.tv_nsec *= 2;
  nanosleep(&tick, nullptr);
  fstat(fd, &info);
}

// What a file of /proc or /sys shows is not the caller's to read.
bool IsOfTheKernel(int fd) {
  struct statfs info {};
  return fstatfs(fd, &info) != 0 || info.f_type == PROC_SUPER_MAGIC ||
         info.f_type == SYSFS_MAGIC;
}

}  // namespace

bool SharedFile::Changed() const {
  struct stat now {};
  return fstat(fd_.get(), &now) != 0 || !SameFile(now, opened_) ||
         now.st_size != opened_.st_size ||
         !SameTime(now.st_mtim, opened_.st_mtim) ||
         !SameTime(now.st_ctim, opened_.st_ctim);
}

absl::StatusOr<std::unique_ptr<SharedFolders>> SharedFolders::Open(
    const std::vector<Root>& roots) {
  auto folders = std::make_unique<SharedFolders>();
  for (const Root& root : roots) {
    Fd folder(open(root.here.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    const auto wrong = [&](absl::string_view why) {
      return absl::InvalidArgumentError(
          absl::StrCat("--source-root: ", root.here, why));
    };
    if (!folder.ok()) {
      return wrong(absl::StrCat(" cannot be opened: ", std::strerror(errno)));
    }
    if (!OpenBeneath(folder.get(), ".", O_PATH | O_DIRECTORY).ok()) {
      return wrong(absl::StrCat(
          " cannot be kept to, since the system has no openat2 (Linux 5.6 and "
          "later): ",
          std::strerror(errno)));
    }
    folders->roots_.push_back({root.callers, std::move(folder)});
  }
  return folders;
}

// The innermost, if one lies in another.
const SharedFolders::OpenRoot* SharedFolders::RootOf(
    const std::string& path) const {
  const OpenRoot* found = nullptr;
  for (const OpenRoot& root : roots_) {
    const bool holds = absl::StartsWith(path, absl::StrCat(root.callers, "/"));
    if (holds && (!found || root.callers.size() > found->callers.size())) {
      found = &root;
    }
  }
  return found;
}

absl::StatusOr<SharedFile> SharedFolders::OpenFile(
    const std::string& path, const std::optional<FileUser>& user) const {
  if (!absl::StartsWith(path, "/") || absl::EndsWith(path, "/") ||
      path.find('\0') != std::string::npos) {
    return InvalidRequest({{"file", "is not the absolute path of a file"}});
  }
  const OpenRoot* root = RootOf(path);
  if (root == nullptr) return Refused("is not in a folder of --source-root");
  const std::string beneath = path.substr(root->callers.size() + 1);
  const size_t slash = beneath.rfind('/');
  const std::string folder_name =
      slash == std::string::npos ? "." : beneath.substr(0, slash + 1);
  const std::string name =
      slash == std::string::npos ? beneath : beneath.substr(slash + 1);

  const Fd folder =
      OpenBeneath(root->folder.get(), folder_name.empty() ? "." : folder_name,
                  O_PATH | O_DIRECTORY);
  if (!folder.ok() || !MayReach(folder.get(), root->folder.get(), user)) {
    return Refused(
        "lies where its caller cannot get to within the folder of "
        "--source-root");
  }
  // Only named, not opened: to open what is no file may have an effect.
  const Fd named =
      OpenBeneath(folder.get(), name, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
  if (!named.ok() && errno == ENOENT) {
    return MakeError(absl::StatusCode::kNotFound,
                     "there is no such file in the folder of --source-root",
                     Reason::kSourceRefused);
  }
  struct stat info {};
  if (!named.ok() || fstat(named.get(), &info) != 0 || !S_ISREG(info.st_mode) ||
      IsOfTheKernel(named.get())) {
    return Refused(
        "is no regular file; a link has to be named by what it leads to");
  }
  if (!Allows(named.get(), user, FileRight::kRead)) {
    return Refused(
        user ? absl::StrCat("may not be read by its caller, uid ", user->uid)
             : "may not be read by everybody, and only on a unix "
               "socket is it known who calls");
  }
  // The same one, whatever has the name by now.
  const std::string self = absl::StrCat("/proc/self/fd/", named.get());
  Fd file(open(self.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC));
  if (!file.ok()) {
    return Refused(absl::StrCat(
        "cannot be opened by the gateway, uid ", geteuid(),
        ", which needs the right to read it as well: ", std::strerror(errno)));
  }
  if (fstat(file.get(), &info) != 0) return Refused("cannot be looked at");
  AwaitNextTick(file.get(), info);
  posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  return SharedFile(std::move(file), info);
}

}  // namespace lakefs::gateway
