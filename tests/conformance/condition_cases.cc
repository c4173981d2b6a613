// Rows about links that are only to happen if nothing stands at the path.
#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"

namespace lakefs::gateway::testing {
namespace {

using Client = StagingClient;

}  // namespace

std::vector<StagingCase> ConditionCases() {
  return {
      {"ConditionalLinkOfAFreshPathIsFine",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         return {
             Said(c.Link(object, c.Stage(object).value(), {.if_absent = true})),
             c.Read(object)};
       },
       {"OK", "bytes"}},
      {"ConditionalLinkOfATakenPathLeavesItAlone",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         return {Said(c.Link(object, c.Stage(object, "new").value(),
                             {.if_absent = true})),
                 c.Read(object)};
       },
       {"OBJECT_EXISTS", "old"}},
      {"ConditionalLinkOfACommittedPathLeavesItAlone",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         c.Commit();
         return {Said(c.Link(object, c.Stage(object, "new").value(),
                             {.if_absent = true})),
                 c.Read(object)};
       },
       {"OBJECT_EXISTS", "old"}},
      {"ConditionalLinkMeetsItsOwnObject",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto staged = c.Stage(object).value();
         return {Said(c.Link(object, staged, {.if_absent = true})),
                 Said(c.Link(object, staged, {.if_absent = true}))};
       },
       {"OK", "OBJECT_EXISTS"}},
      {"AddressIsGoodAfterALostCondition",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         const auto staged = c.Stage(object, "new").value();
         return {Said(c.Link(object, staged, {.if_absent = true})),
                 Said(c.Link(object, staged)), c.Read(object)};
       },
       {"OBJECT_EXISTS", "OK", "new"}},

      {"LinkWithAnEtagAsConditionIs501",
       [](Client& c) -> Seen {
         const auto location = c.Address(c.At("object")).value();
         const std::string body = absl::StrCat(
             R"({"staging":{"physical_address":")", location.physical_address,
             R"("},"checksum":"a","size_bytes":1})");
         return {absl::StrCat(c.Raw(HttpMethod::kPut, c.Backing(c.At("object")),
                                    body, {{"If-None-Match", "\"a\""}}))};
       },
       {"501"}},
  };
}

std::vector<StagingCase> IfMatchCases() {
  return {
      {"WhatIsExpectedIsReplaced",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto old = c.Link(object, c.Stage(object, "old").value());
         return {Said(c.Link(object, c.Stage(object, "new").value(),
                             {.if_match = old.value().checksum})),
                 c.Read(object)};
       },
       {"OK", "new"}},
      {"WhatIsExpectedIsReplacedWhereItIsCommitted",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto old = c.Link(object, c.Stage(object, "old").value());
         c.Commit();
         return {Said(c.Link(object, c.Stage(object, "new").value(),
                             {.if_match = old.value().checksum})),
                 c.Read(object)};
       },
       {"OK", "new"}},
      {"AnotherObjectIsLeftAlone",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         return {Said(c.Link(object, c.Stage(object, "new").value(),
                             {.if_match = kMd5OfBytes})),
                 c.Read(object)};
       },
       {"OBJECT_EXISTS", "old"}},
      {"NothingIsNotReplaced",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         return {Said(c.Link(object, c.Stage(object).value(),
                             {.if_match = kMd5OfBytes})),
                 c.Read(object)};
       },
       {"OBJECT_EXISTS", "nothing"}},
      {"AnObjectIsLinkedAgainOverItself",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto staged = c.Stage(object).value();
         const auto old = c.Link(object, staged).value();
         const WriteCondition itself{.if_match = old.checksum};
         return {Said(c.Link(object, staged, itself)),
                 Said(c.Link(object, staged, itself)), c.Read(object)};
       },
       {"OK", "OK", "bytes"}},
      {"AnUploadReplacesWhatIsExpectedAndNothingElse",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto old = c.Upload(object, "old").value();
         const UploadOptions over_old{.condition = {.if_match = old.checksum}};
         return {Said(c.Upload(object, "new", over_old)),
                 Said(c.Upload(object, "newer", over_old)), c.Read(object)};
       },
       {"OK", "OBJECT_EXISTS", "new"}},
  };
}

}  // namespace lakefs::gateway::testing
