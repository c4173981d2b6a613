#include "tests/emulator/branch_writer.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "tests/emulator/lakefs_reply.h"

namespace lakefs::gateway::testing {
namespace {

constexpr size_t kLongestPath = 1024;

bool IsWordCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_';
}

bool IsBranchName(absl::string_view name) {
  return !name.empty() && IsWordCharacter(name[0]) &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return IsWordCharacter(c) || c == '-'; });
}

}  // namespace

std::optional<HttpResponse> RefuseBranchName(const Call& call,
                                             absl::string_view argument) {
  if (IsBranchName(call.route.branch)) return std::nullopt;
  return LakefsError(
      call.backend.traits.bad_branch_status,
      absl::StrCat("argument ", argument,
                   ": branch id: invalid value: validation error"));
}

std::optional<HttpResponse> RefuseWrite(const Call& call,
                                        const Repository& repository,
                                        const WriteOptions& options) {
  const DialectTraits& traits = call.backend.traits;
  if (traits.has_read_only && repository.read_only() && !options.force) {
    return LakefsError(403, "read-only repository");
  }
  if (repository.FindBranch(call.route.branch) == nullptr) {
    return LakefsError(404, "branch not found");
  }
  if (repository.IsProtected(call.route.branch)) {
    return LakefsError(traits.protected_branch_status,
                       "cannot write to protected branch");
  }
  return std::nullopt;
}

std::optional<HttpResponse> WriteEntry(const Call& call, Repository& repository,
                                       const std::string& path, EntryPtr entry,
                                       const WriteOptions& options) {
  if (path.size() > kLongestPath) {
    return LakefsError(
        400, absl::StrCat("argument path: invalid value: validation error: ",
                          path.size(), " is above maximum length (",
                          kLongestPath, ")"));
  }
  if (auto refused = RefuseBranchName(call, "branch")) return refused;
  if (auto refused = RefuseWrite(call, repository, options)) return refused;
  std::shared_ptr<Branch> branch = repository.FindBranch(call.route.branch);
  if (branch == nullptr) return LakefsError(404, "branch not found");
  // Without a condition, or over another's object, there is no such race.
  const bool may_lose =
      !options.condition.none() && options.condition.Holds(branch->Find(path));
  if (may_lose && call.fault != nullptr &&
      call.fault->kind == Fault::Kind::kLoseWrite) {
    branch->WriteDoomed(path, std::move(entry));
    return LakefsError(412, options.exists_message);
  }
  if (may_lose && call.fault != nullptr &&
      call.fault->kind == Fault::Kind::kSkipCreate) {
    Entry anothers = *entry;
    anothers.physical_address += "-anothers";
    anothers.metadata.clear();
    branch->Write(path, std::make_shared<const Entry>(std::move(anothers)),
                  /*condition=*/{});
    return std::nullopt;
  }
  switch (options.condition.if_absent && options.exact
              ? branch->CreateExactly(path, entry)
              : branch->Write(path, entry, options.condition, options.race,
                              options.skips)) {
    case Branch::WriteResult::kWritten:
      if (entry != nullptr) {
        repository.NoteWritten(path, entry->physical_address);
      }
      return std::nullopt;
    case Branch::WriteResult::kSkipped:
      return std::nullopt;
    case Branch::WriteResult::kExists:
      return LakefsError(412, options.exists_message);
    case Branch::WriteResult::kTooManyTries:
      break;
  }
  return LakefsError(call.backend.traits.too_many_tries_status,
                     "Too many attempts, try again later");
}

}  // namespace lakefs::gateway::testing
