#include "tests/emulator/route.h"

#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/emulator/digest.h"

namespace lakefs::gateway::testing {
namespace {

// `{r}` repository, `{b}` branch or ref, `{u}` upload, `{n}` part number.
struct Endpoint {
  absl::string_view method_and_path;
  absl::string_view operation;
};

constexpr Endpoint kEndpoints[] = {
    {"GET healthcheck", "healthCheck"},
    {"GET config", "getConfig"},
    {"GET config/storage", "getStorageConfig"},
    {"GET config/version", "getLakeFSVersion"},
    {"POST auth/login", "login"},
    {"POST repositories", "createRepository"},
    {"GET repositories/{r}", "getRepository"},
    {"PUT repositories/{r}/settings/branch_protection",
     "setBranchProtectionRules"},
    {"POST repositories/{r}/branches", "createBranch"},
    {"GET repositories/{r}/branches/{b}", "getBranch"},
    {"DELETE repositories/{r}/branches/{b}", "deleteBranch"},
    {"POST repositories/{r}/branches/{b}/commits", "commit"},
    {"GET repositories/{r}/branches/{b}/staging/backing", "getPhysicalAddress"},
    {"PUT repositories/{r}/branches/{b}/staging/backing",
     "linkPhysicalAddress"},
    {"POST repositories/{r}/branches/{b}/staging/pmpu",
     "createPresignMultipartUpload"},
    {"PUT repositories/{r}/branches/{b}/staging/pmpu/{u}",
     "completePresignMultipartUpload"},
    {"DELETE repositories/{r}/branches/{b}/staging/pmpu/{u}",
     "abortPresignMultipartUpload"},
    {"PUT repositories/{r}/branches/{b}/staging/pmpu/{u}/parts/{n}",
     "uploadPart"},
    {"POST repositories/{r}/branches/{b}/objects", "uploadObject"},
    {"DELETE repositories/{r}/branches/{b}/objects", "deleteObject"},
    {"GET repositories/{r}/branches/{b}/objects/stage_allowed",
     "uploadObjectPreflight"},
    {"GET repositories/{r}/refs/{b}/objects", "getObject"},
    {"HEAD repositories/{r}/refs/{b}/objects", "headObject"},
    {"GET repositories/{r}/refs/{b}/objects/stat", "statObject"},
    {"GET repositories/{r}/refs/{b}/objects/ls", "listObjects"},
};

bool Matches(const std::vector<std::string>& pattern,
             const std::vector<std::string>& segments, Route& route) {
  if (pattern.size() != segments.size()) return false;
  for (size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] == "{r}") {
      route.repository = segments[i];
    } else if (pattern[i] == "{b}") {
      route.branch = segments[i];
    } else if (pattern[i] == "{u}") {
      route.upload_id = segments[i];
    } else if (pattern[i] == "{n}") {
      route.part_number = segments[i];
    } else if (pattern[i] != segments[i]) {
      return false;
    }
  }
  return true;
}

}  // namespace

Route RouteOf(const HttpRequest& request) {
  absl::string_view path = request.path;
  if (!absl::ConsumePrefix(&path, "/api/v1/")) return {};
  std::vector<std::string> segments = {request.method};
  for (absl::string_view segment : absl::StrSplit(path, '/')) {
    segments.push_back(PercentDecode(segment, /*plus_is_space=*/false));
  }
  for (const Endpoint& endpoint : kEndpoints) {
    Route route;
    std::vector<std::string> pattern =
        absl::StrSplit(endpoint.method_and_path, absl::ByAnyChar(" /"));
    if (Matches(pattern, segments, route)) {
      route.operation = std::string(endpoint.operation);
      return route;
    }
  }
  return {};
}

}  // namespace lakefs::gateway::testing
