#include "gateway/staging/upload_request.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gateway/base/excerpt.h"

namespace lakefs::gateway {
namespace {

bool IsControl(char c) {
  return absl::ascii_iscntrl(static_cast<unsigned char>(c));
}
bool HasControl(absl::string_view text) {
  return std::any_of(text.begin(), text.end(), IsControl);
}

// Collects what is wrong, under one prefix.
class Checker {
 public:
  explicit Checker(std::string prefix) : prefix_(std::move(prefix)) {}

  void Check(bool ok, absl::string_view field, absl::string_view description) {
    if (ok) return;
    found_.push_back({absl::StrCat(prefix_, field), std::string(description)});
  }
  void CheckText(absl::string_view text, size_t max, absl::string_view field) {
    Check(text.size() <= max, field,
          absl::StrCat("has ", text.size(), " bytes; at most ", max,
                       " are taken"));
    Check(!HasControl(text), field, "has control characters");
  }
  void Add(std::vector<FieldViolation> more) {
    std::move(more.begin(), more.end(), std::back_inserter(found_));
  }
  std::vector<FieldViolation> Take() { return std::move(found_); }

 private:
  const std::string prefix_;
  std::vector<FieldViolation> found_;
};

void CheckMetadata(const UserMetadata& metadata, Checker& checker) {
  using Limits = RequestLimits;
  checker.Check(metadata.size() <= Limits::kMetadataEntries, "user_metadata",
                absl::StrCat("has ", metadata.size(), " entries; at most ",
                             Limits::kMetadataEntries, " are taken"));
  size_t bytes = 0;
  for (const auto& [key, value] : metadata) {
    bytes += key.size() + value.size();
    checker.Check(!key.empty() && key.size() <= Limits::kMetadataKeyBytes &&
                      !HasControl(key),
                  "user_metadata",
                  absl::StrCat("the key \"", Excerpt(key, 64),
                               "\" is not 1 to 256 bytes without control "
                               "characters"));
  }
  checker.Check(bytes <= Limits::kMetadataBytes, "user_metadata",
                absl::StrCat("has ", bytes, " bytes; at most ",
                             Limits::kMetadataBytes, " are taken"));
}

void CheckMtime(const std::optional<WallTime>& mtime, Checker& checker) {
  checker.Check(!mtime || *mtime >= WallTime{}, "mtime", "is before 1970");
}

void CheckToken(const std::string& token, Checker& checker) {
  checker.Check(token.size() <= RequestLimits::kResumeTokenBytes,
                "resume_token",
                absl::StrCat("has ", token.size(), " bytes; at most ",
                             RequestLimits::kResumeTokenBytes, " are taken"));
}

// A header loses blanks around it.
bool IsHeaderValue(absl::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c >= 0x20 && c < 0x7f; }) &&
         text == absl::StripAsciiWhitespace(text);
}

// It goes to lakeFS as a header too.
bool IsRequestId(absl::string_view id) {
  return id.size() <= RequestLimits::kRequestIdBytes && IsHeaderValue(id);
}
constexpr char kNoRequestId[] =
    "is not at most 128 bytes of printable ASCII without blanks around them";

// lakeFS's rules for names, of all releases: ^[a-z0-9][a-z0-9-]{2,62}$ and
// ^\w[-\w]*$. What breaks them costs some releases half a minute, and is then
// answered with 500.
bool IsRepository(absl::string_view name) {
  return name.size() >= 3 && name.size() <= 63 && name[0] != '-' &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_islower(c) || absl::ascii_isdigit(c) || c == '-';
         });
}
bool IsBranch(absl::string_view name) {
  return name[0] != '-' && std::all_of(name.begin(), name.end(), [](char c) {
           return absl::ascii_isalnum(c) || c == '_' || c == '-';
         });
}

}  // namespace

std::vector<FieldViolation> Violations(const ObjectPath& object,
                                       const std::string& prefix) {
  Checker checker(prefix);
  const auto& [repository, branch, path] = object;
  checker.Check(!repository.empty(), "repository", "is required");
  checker.Check(repository.empty() || IsRepository(repository), "repository",
                "is not 3 to 63 characters of a-z, 0-9 and -, beginning with "
                "a letter or a digit");
  checker.Check(!branch.empty(), "branch", "is required");
  checker.Check(branch.size() <= RequestLimits::kBranchBytes, "branch",
                absl::StrCat("has ", branch.size(), " bytes; at most ",
                             RequestLimits::kBranchBytes, " are taken"));
  checker.Check(branch.empty() || IsBranch(branch), "branch",
                "is no branch's name: letters, digits, _ and -, and no - at "
                "the beginning");
  checker.Check(!path.empty(), "path", "is required");
  checker.Check(path.size() <= RequestLimits::kPathBytes, "path",
                absl::StrCat("has ", path.size(), " bytes; at most ",
                             RequestLimits::kPathBytes, " are taken"));
  checker.Check(path.find('\0') == std::string::npos, "path",
                "has a NUL character");
  return checker.Take();
}

std::vector<FieldViolation> Violations(const UploadRequest& request) {
  Checker checker("header.");
  checker.Add(Violations(request.object, "header.object."));
  checker.CheckText(request.content_type, RequestLimits::kContentTypeBytes,
                    "content_type");
  CheckMetadata(request.user_metadata, checker);
  for (const auto& [key, value] : request.user_metadata) {
    checker.Check(!absl::StartsWith(key, "lakefs-staging-"), "user_metadata",
                  absl::StrCat("the key \"", Excerpt(key, 64),
                               "\" begins with lakefs-staging-, which is the "
                               "gateway's own"));
  }
  CheckMtime(request.mtime, checker);
  checker.Add(
      Violations({.if_absent = request.if_absent, .if_match = request.if_match},
                 "header."));
  const int64_t size = request.size_bytes.value_or(0);
  checker.Check(size >= 0 && size <= RequestLimits::kObjectBytes, "size_bytes",
                absl::StrCat("is ", size, "; 0 to 5 TiB are taken"));
  checker.Check(IsRequestId(request.request_id), "request_id", kNoRequestId);
  CheckToken(request.resume_token, checker);
  checker.Check(request.attempt == 0 || !request.request_id.empty(), "attempt",
                "counts the calls with one request_id, and there is none");
  return checker.Take();
}

std::vector<FieldViolation> Violations(const StagingMetadata& metadata) {
  Checker checker("metadata.");
  checker.Check(!metadata.staging.physical_address.empty(),
                "staging.physical_address", "is required");
  checker.Check(!metadata.checksum.empty(), "checksum", "is required");
  checker.CheckText(metadata.checksum, RequestLimits::kChecksumBytes,
                    "checksum");
  checker.Check(metadata.size_bytes >= 0, "size_bytes", "is negative");
  checker.CheckText(metadata.content_type, RequestLimits::kContentTypeBytes,
                    "content_type");
  CheckMetadata(metadata.user_metadata, checker);
  CheckMtime(metadata.mtime, checker);
  return checker.Take();
}

std::vector<FieldViolation> Violations(const WriteCondition& condition,
                                       const std::string& prefix) {
  Checker checker(prefix);
  if (!condition.if_match) return checker.Take();
  checker.Check(IsHeaderValue(*condition.if_match) &&
                    !condition.if_match->empty() &&
                    condition.if_match->size() <= RequestLimits::kChecksumBytes,
                "if_match",
                "is not 1 to 1024 bytes of printable ASCII without blanks "
                "around them");
  constexpr char kBoth[] =
      "cannot be had with the other: if_absent wants no "
      "object at the path, if_match wants one";
  checker.Check(!condition.if_absent, "if_absent", kBoth);
  checker.Check(!condition.if_absent, "if_match", kBoth);
  return checker.Take();
}

std::vector<FieldViolation> TokenViolations(const std::string& resume_token) {
  Checker checker("");
  checker.Check(!resume_token.empty(), "resume_token", "is required");
  CheckToken(resume_token, checker);
  return checker.Take();
}

std::vector<FieldViolation> Violations(
    const std::string& request_id, const std::optional<ObjectPath>& object) {
  Checker checker("");
  checker.Check(!request_id.empty(), "request_id", "is required");
  checker.Check(IsRequestId(request_id), "request_id", kNoRequestId);
  if (object) checker.Add(Violations(*object, "object."));
  return checker.Take();
}

}  // namespace lakefs::gateway
