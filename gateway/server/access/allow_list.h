// Which callers may write where.
#pragma once

#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "gateway/base/clock.h"
#include "gateway/lakefs/types.h"
#include "gateway/server/access/caller.h"

namespace lakefs::gateway {

// clang-format off
// The rules of a file such as
//
//   callers:
//     - name: ingest
//       certificate: ["uri:spiffe://cluster/ns/etl/sa/ingest", "dns:in.example"]
//       uid: [1000]
//       gid: [2000]
//       may_write:
//         - repository: "raw-*"
//           branches: ["main", "ingest-*"]
//
// clang-format on
// A caller is who has one of the certificate names, or the uid or gid on a unix
// socket. It may write where one of its rules says: `*` stands for any text,
// slashes included, `?` for one character; without `branches`, all of them.
// Who is in several entries has the rights of all. Everything else is refused.
class AllowList {
 public:
  enum class Verdict { kAllowed, kUnknownCaller, kNotAllowed };

  // Errors: INVALID_ARGUMENT, in one line that names the place.
  static absl::StatusOr<AllowList> Parse(const std::string& yaml);

  Verdict Check(const Caller& caller, const ObjectPath& object) const;
  // Whether any entry names the caller.
  bool Knows(const Caller& caller) const;

 private:
  struct Rule {
    std::string repository;
    std::vector<std::string> branches;
  };
  struct Entry {
    std::vector<std::string> certificate_names;
    std::vector<int64_t> uids;
    std::vector<int64_t> gids;
    std::vector<Rule> rules;
  };
  static bool Matches(const Entry& entry, const Caller& caller);

  std::vector<Entry> entries_;
};

// The rules in a file, read again when the file has changed. A file that has
// become wrong is reported, and the rules that were good before go on.
//
// Threads: all methods may be called from any thread.
class AllowFile {
 public:
  // Errors: INVALID_ARGUMENT if the file cannot be read or is wrong.
  static absl::StatusOr<std::unique_ptr<AllowFile>> Open(
      const std::string& path, const Clock& clock);

  AllowList::Verdict Check(const Caller& caller, const ObjectPath& object);
  bool Knows(const Caller& caller);

 private:
  AllowFile(std::string path, const Clock& clock)
      : path_(std::move(path)), clock_(clock) {}
  absl::Status Take(const absl::StatusOr<std::string>& text)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadIfChanged() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  const Clock& clock_;
  absl::Mutex mu_;
  AllowList list_ ABSL_GUARDED_BY(mu_);
  // At the last look. Times of changes would not do: a file can change twice
  // within one tick of the file system's clock.
  absl::StatusOr<std::string> text_ ABSL_GUARDED_BY(mu_);
  TimePoint looked_ ABSL_GUARDED_BY(mu_);
};

}  // namespace lakefs::gateway
