#include "client/cli/error_line.h"

#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace lakefs::staging {
namespace {

using Advice = v1::UploadFailure;
using Text = std::pair<absl::string_view, absl::string_view>;

constexpr std::array kAdviceByReason = {
    Text(kGatewayUnreachable,
         "start lakefs-staging-gateway there, or name another address by "
         "--gateway"),
    Text(kNotAGateway, "is it the staging gateway? name another by --gateway"),
    Text(kDeadlineExceeded, "give it more time by --timeout"),
    Text(kSourceChanged, "upload it again when nobody writes to it"),
    Text("OBJECT_EXISTS", "leave --if-absent out to replace it"),
    Text("OBJECT_CHANGED",
         "read what stands there now, and build upon that by its checksum"),
    Text("CREDENTIALS_REJECTED",
         "check the keys that the gateway was started with or, where it passes "
         "credentials on, your own"),
    Text("PERMISSION_DENIED",
         "write to another branch, or have the right granted"),
    Text("RESUME_EXPIRED", "the next call begins anew"),
    Text("RESUME_REFUSED",
         "upload the same file to the same path with the same options, or "
         "remove the file of --resume to begin anew"),
    Text("LINK_ADDRESS_EXPIRED", "ask for a new address and start over"),
};

absl::string_view OutcomeText(v1::Outcome outcome) {
  switch (outcome) {
    case v1::OUTCOME_NOT_COMMITTED:
      return "nothing was linked";
    case v1::OUTCOME_UNKNOWN:
      return "it is not known whether the object was linked";
    default:
      return "";
  }
}

std::string RetryText(const Failure& failure) {
  if (!failure.retry_after) return "try again";
  return absl::StrCat("try again in ",
                      absl::FormatDuration(*failure.retry_after));
}

// Where the reason alone does not tell what to do.
std::string AdviceByCase(const Failure& failure) {
  if (failure.reason == "UPSTREAM_UNREACHABLE") {
    const auto operation = failure.metadata.find("operation");
    const bool store = operation != failure.metadata.end() &&
                       absl::StartsWith(operation->second, "store");
    return store ? "can the gateway reach the store that lakeFS uses?"
                 : "check the lakeFS address that the gateway was started with";
  }
  if (failure.reason == "NOT_FOUND") {
    return failure.resource_type.empty()
               ? "check the ID; a gateway remembers one for six hours, and "
                 "the object that it made keeps it"
               : "check the names of the repository and the branch";
  }
  if (failure.reason == kGatewayUnreachable &&
      absl::StrContains(failure.message, "Permission denied")) {
    return "join the group of the socket, or see --unix-mode of the gateway";
  }
  if (failure.reason == kGatewayUnreachable &&
      absl::StrContains(absl::AsciiStrToLower(failure.message),
                        "ssl handshake failed")) {
    return "name the authority of its certificate by --ca-file or, if it has "
           "none, leave --tls out";
  }
  if (failure.reason == "PERMISSION_DENIED" &&
      absl::StrContains(failure.message, "--allow-file")) {
    return "have that file name the caller and the branch";
  }
  return "";
}

// What to do, in a few words; empty if the message says it all.
std::string AdviceText(const Failure& failure) {
  if (failure.outcome == v1::OUTCOME_UNKNOWN) {
    if (failure.request_id.empty())
      return "look at the path before trying again";
    return absl::StrCat("repeat the command with --request-id ",
                        failure.request_id,
                        ", which keeps it from writing a second object");
  }
  if (std::string text = AdviceByCase(failure); !text.empty()) return text;
  for (const auto& [reason, text] : kAdviceByReason) {
    if (failure.reason == reason) return std::string(text);
  }
  switch (failure.advice) {
    case Advice::ADVICE_RETRY_CALL:
      return RetryText(failure);
    case Advice::ADVICE_RESTART:
      return "start over";
    default:
      break;
  }
  return failure.retry_after ? RetryText(failure) : "";
}

std::string OneLine(std::string text) {
  for (char& c : text) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) c = ' ';
  }
  return text;
}

}  // namespace

std::string ErrorLine(absl::string_view what, const Failure& failure) {
  std::string line = absl::StrCat("lakefs-staging: ", what);
  if (!what.empty()) absl::StrAppend(&line, ": ");
  absl::StrAppend(&line, failure.message);
  for (const FieldViolation& violation : failure.violations) {
    // The gateway may have put them into its message already.
    if (absl::StrContains(failure.message, violation.description)) continue;
    absl::StrAppend(&line, "; ", violation.field, " ", violation.description);
  }
  // A reason helps to look an error up; a wrong flag explains itself.
  if (!failure.reason.empty() && failure.reason != kInvalidRequest) {
    absl::StrAppend(&line, " [", failure.reason, "]");
  }
  for (const std::string& more :
       {std::string(OutcomeText(failure.outcome)), AdviceText(failure)}) {
    if (!more.empty()) absl::StrAppend(&line, "; ", more);
  }
  return OneLine(std::move(line));
}

std::string RepetitionLine(const Failure& failure, absl::Duration wait,
                           int attempts) {
  return OneLine(absl::StrCat(
      "lakefs-staging: ", failure.message, " [", failure.reason, "]; again in ",
      absl::FormatDuration(absl::Trunc(wait, absl::Milliseconds(100))), " (",
      failure.attempts + 1, " of ", attempts, ")"));
}

}  // namespace lakefs::staging
