// Rows about bytes that are sent through lakeFS.
#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

using Client = StagingClient;

Seen RoundTrip(Client& c, size_t size, bool chunked) {
  const std::string data = Bytes(size);
  const auto stats = c.Upload(c.At("object"), data, {}, chunked).value();
  return {absl::StrCat(stats.size_bytes.value_or(-1)),
          c.Read(c.At("object")) == data ? "same bytes" : "other bytes"};
}

}  // namespace

std::vector<StagingCase> UploadCases() {
  return {
      {"UploadOfNothingComesBack",
       [](Client& c) { return RoundTrip(c, 0, /*chunked=*/false); },
       {"0", "same bytes"}},
      {"UploadOfFiveMebibytesComesBack",
       [](Client& c) { return RoundTrip(c, 5 << 20, /*chunked=*/false); },
       {"5242880", "same bytes"}},
      {"UploadOfUnknownSizeComesBack",
       [](Client& c) { return RoundTrip(c, 5 << 20, /*chunked=*/true); },
       {"5242880", "same bytes"}},
      {"UploadOfUnknownSizeMayBeEmpty",
       [](Client& c) { return RoundTrip(c, 0, /*chunked=*/true); },
       {"0", "same bytes"}},
      {"UploadAnswersWithWhatStatShows",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto uploaded = c.Upload(object, "bytes").value();
         auto stats = c.Stat(object).value().value();
         stats.shown_at.reset();  // of stats alone
         return {uploaded == stats ? "same" : "other",
                 stats.path == object.path ? "its path" : stats.path,
                 stats.checksum, stats.content_type,
                 absl::StrCat(stats.user_metadata.size())};
       },
       {"same", "its path", kMd5OfBytes, "application/octet-stream", "0"}},
      {"UploadKeepsContentTypeAndMetadata",
       [](Client& c) -> Seen {
         const auto stats =
             c.Upload(c.At("object"), "bytes",
                      {.user_metadata = {{"owner", "a=b&c"}, {"x-y", "1"}},
                       .content_type = "text/csv"})
                 .value();
         Seen seen = {stats.content_type};
         for (const auto& [key, value] : stats.user_metadata) {
           seen.push_back(absl::StrCat(key, ": ", value));
         }
         return seen;
       },
       {"text/csv", "owner: a=b&c", "x-y: 1"}},
      {"UploadReplacesTheObject",
       [](Client& c) -> Seen {
         c.Upload(c.At("object"), "old").value();
         return {Said(c.Upload(c.At("object"), "new")), c.Read(c.At("object"))};
       },
       {"OK", "new"}},
      {"ConditionalUploadToAFreshPathIsFine",
       [](Client& c) -> Seen {
         return {Said(c.Upload(c.At("object"), "bytes",
                               {.condition = {.if_absent = true}})),
                 c.Read(c.At("object"))};
       },
       {"OK", "bytes"}},
      {"ConditionalUploadToATakenPathLeavesItAlone",
       [](Client& c) -> Seen {
         c.Upload(c.At("object"), "old").value();
         return {Said(c.Upload(c.At("object"), "new",
                               {.condition = {.if_absent = true}})),
                 c.Read(c.At("object"))};
       },
       {"OBJECT_EXISTS", "old"}},
      {"ConditionalUploadMeetsALinkedObject",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         return {
             Said(c.Upload(object, "new", {.condition = {.if_absent = true}})),
             c.Read(object)};
       },
       {"OBJECT_EXISTS", "old"}},
      {"UploadToAMissingBranchIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Upload(c.At("object", kMissing), "bytes"))};
       },
       {"NOT_FOUND branch"}},
      {"ConditionalUploadToAMissingBranchIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Upload(c.At("object", kMissing), "bytes",
                               {.condition = {.if_absent = true}}))};
       },
       {"NOT_FOUND branch"}},
      {"UploadToAMissingRepositoryIsNotFound",
       [](Client& c) -> Seen {
         return {Said(c.Upload({kMissing, "main", "object"}, "bytes"))};
       },
       {"NOT_FOUND repository"}},
      {"UploadToAnEmptyPathIsRejected",
       [](Client& c) -> Seen {
         return {Said(c.Upload({c.repository(), "main", ""}, "bytes"))};
       },
       {"UPSTREAM_REJECTED"}},
      {"UploadNeedsTheRightSecret",
       [](Client& c) -> Seen {
         c.UseWrongSecret();
         return {Said(c.Upload(c.At("object"), "bytes")),
                 c.Read(c.At("object"))};
       },
       {"CREDENTIALS_REJECTED", "nothing"}},
  };
}

}  // namespace lakefs::gateway::testing
