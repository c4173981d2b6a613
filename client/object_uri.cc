#include "client/object_uri.h"

#include <utility>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/failure.h"
#include "client/upload_header.h"

namespace lakefs::staging {
namespace {

constexpr absl::string_view kScheme = "lakefs://";

absl::Status Bad(absl::string_view uri, absl::string_view what) {
  return MakeFailure(absl::StatusCode::kInvalidArgument, kInvalidRequest,
                     absl::StrCat("\"", absl::Utf8SafeCEscape(uri), "\" ", what,
                                  "; write lakefs://repository/branch/path"),
                     v1::OUTCOME_NOT_COMMITTED,
                     v1::UploadFailure::ADVICE_FIX_REQUEST);
}

// Everything in front of the first slash; `rest` is left with what is behind.
absl::string_view TakeSegment(absl::string_view& rest) {
  const size_t slash = rest.find('/');
  const absl::string_view segment = rest.substr(0, slash);
  rest = slash == absl::string_view::npos ? absl::string_view()
                                          : rest.substr(slash + 1);
  return segment;
}

}  // namespace

absl::StatusOr<v1::ObjectPath> ParseObjectUri(absl::string_view uri) {
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, kScheme)) {
    return Bad(uri, "does not begin with lakefs://");
  }
  const absl::string_view repository = TakeSegment(rest);
  const absl::string_view branch = TakeSegment(rest);
  if (repository.empty()) return Bad(uri, "names no repository");
  if (branch.empty()) return Bad(uri, "names no branch");
  if (rest.empty()) return Bad(uri, "names no path");
  if (!IsUtf8(uri)) return Bad(uri, "is not UTF-8");
  v1::ObjectPath object;
  object.set_repository(std::string(repository));
  object.set_branch(std::string(branch));
  object.set_path(std::string(rest));
  return object;
}

std::string ObjectUri(const v1::ObjectPath& object) {
  return absl::StrCat(kScheme, object.repository(), "/", object.branch(), "/",
                      object.path());
}

}  // namespace lakefs::staging
