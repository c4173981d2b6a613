#include "client/cli/shared_folder.h"

#include <climits>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/failure.h"

namespace lakefs::staging {
namespace {

bool IsFolder(absl::string_view text) {
  return text.size() > 1 && absl::StartsWith(text, "/") &&
         !absl::EndsWith(text, "/");
}

// Without links; empty if there is nothing of that name.
std::string Resolved(const std::string& name) {
  char resolved[PATH_MAX];
  return realpath(name.c_str(), resolved) != nullptr ? resolved : "";
}

}  // namespace

absl::StatusOr<std::optional<SharedFolder>> ParseSharedFolder(
    absl::string_view text) {
  if (text.empty()) return std::nullopt;
  const size_t equals = text.find('=');
  const absl::string_view mine = text.substr(0, equals);
  const absl::string_view gateways =
      equals == absl::string_view::npos ? mine : text.substr(equals + 1);
  if (!IsFolder(mine) || !IsFolder(gateways)) {
    return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                       "LAKEFS_STAGING_SHARED is not /FOLDER, or "
                       "/MINE=/GATEWAYS, without a slash at the end");
  }
  return SharedFolder{std::string(mine), std::string(gateways)};
}

std::optional<std::string> GatewaysNameOf(const std::string& file,
                                          const SharedFolder& folder) {
  const std::string name = Resolved(file);
  const std::string mine = absl::StrCat(Resolved(folder.mine), "/");
  if (mine == "/" || !absl::StartsWith(name, mine)) return std::nullopt;
  return absl::StrCat(folder.gateways, "/", name.substr(mine.size()));
}

}  // namespace lakefs::staging
