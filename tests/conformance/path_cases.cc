// Rows about paths, which lakeFS keeps byte for byte, up to a length.
#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"

namespace lakefs::gateway::testing {
namespace {

using Client = StagingClient;

constexpr size_t kLongestPath = 1024;

// Links an object, and uploads one, whose path is `path`, in which {} stands
// for the run's prefix.
StagingCase IsKept(std::string what, std::string before, std::string after) {
  return {
      absl::StrCat("PathWith", what, "IsKept"),
      [before, after](Client& c) -> Seen {
        Seen seen;
        const ObjectPath linked{c.repository(), "main",
                                absl::StrCat(before, c.prefix(), "/l", after)};
        const ObjectPath uploaded{
            c.repository(), "main",
            absl::StrCat(before, c.prefix(), "/u", after)};
        seen.push_back(Said(c.Link(linked, c.Stage(linked, "linked").value())));
        seen.push_back(Said(c.Upload(uploaded, "uploaded")));
        for (const ObjectPath& object : {linked, uploaded}) {
          const auto stats = c.Stat(object).value().value();
          seen.push_back(stats.path == object.path ? "same path" : stats.path);
          seen.push_back(c.Read(object));
        }
        return seen;
      },
      {"OK", "OK", "same path", "linked", "same path", "uploaded"}};
}

// A path of that many bytes.
ObjectPath OfLength(const Client& c, size_t size) {
  ObjectPath object = c.At("");
  object.path.resize(size, 'x');
  return object;
}

}  // namespace

std::vector<StagingCase> PathCases() {
  return {
      IsKept("Spaces", "", " a  b "),
      IsKept("APlus", "", "+a+"),
      IsKept("AnEscapedPlus", "", "%2Ba%2"),
      IsKept("AnAmpersandAndAnEqualsSign", "", "&a=b&path=c"),
      IsKept("AQuestionMarkAndAHash", "", "?a#b"),
      IsKept("UnicodeOfTwoToFourBytes", "", "\u00fc\u4e2d\U0001F600"),
      IsKept("QuotesAndABackslash", "", "\"a'\\b"),
      IsKept("DotsAsSegments", "", "/./../a"),
      IsKept("ALeadingSlash", "/", ""),
      IsKept("ADoubleSlash", "", "//a"),
      IsKept("ATrailingSlash", "", "/"),
      IsKept("ControlCharacters", "", "\t\n\x7f"),

      {"LongestPathIsLinkedAndUploaded",
       [](Client& c) -> Seen {
         const ObjectPath object = OfLength(c, kLongestPath);
         const auto linked = c.Link(object, c.Stage(object).value());
         return {Said(linked), Said(c.Upload(object, "uploaded")),
                 c.Read(object)};
       },
       {"OK", "OK", "uploaded"}},
      {"AddressForATooLongPathIsGivenOut",
       [](Client& c) -> Seen {
         return {Said(c.Address(OfLength(c, kLongestPath + 1)))};
       },
       {"OK"}},
      {"LinkToATooLongPathIsRejected",
       [](Client& c) -> Seen {
         const ObjectPath object = OfLength(c, kLongestPath + 1);
         return {Said(c.Link(object, c.Stage(object).value())), c.Read(object)};
       },
       {"UPSTREAM_REJECTED", "nothing"}},
      {"UploadToATooLongPathIsRejected",
       [](Client& c) -> Seen {
         const ObjectPath object = OfLength(c, kLongestPath + 1);
         return {Said(c.Upload(object, "bytes")), c.Read(object)};
       },
       {"UPSTREAM_REJECTED", "nothing"}},
  };
}

}  // namespace lakefs::gateway::testing
