// Rows about objects that are put to the store and then linked.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "tests/conformance/staging_cases.h"
#include "tests/testing/upload_call.h"

namespace lakefs::gateway::testing {
namespace {

using Client = StagingClient;

std::string SizeOf(const ObjectStats& stats) {
  return stats.size_bytes ? absl::StrCat(*stats.size_bytes) : "no size";
}

// Puts, links, stats and reads back `size` bytes.
Seen RoundTrip(Client& c, size_t size) {
  const ObjectPath object = c.At("object");
  const std::string data = Bytes(size);
  const auto staged = c.Stage(object, data).value();
  const auto linked = c.Link(object, staged).value();
  const auto stats = c.Stat(object).value().value();
  return {SizeOf(linked), SizeOf(stats),
          stats.checksum == staged.checksum ? "checksum of the store"
                                            : stats.checksum,
          stats.physical_address == staged.staging.physical_address
              ? "address as given"
              : stats.physical_address,
          c.Read(object) == data ? "same bytes" : "other bytes"};
}

Seen RoundTripOf(size_t size) {
  const std::string text = absl::StrCat(size);
  return {text, text, "checksum of the store", "address as given",
          "same bytes"};
}

// Links an address that lakeFS did not hand out for the object. It heals the
// entry afterwards: one without an object breaks the listing of its branch.
std::string LinkForeign(Client& c, const std::string& physical_address) {
  const ObjectPath object = c.At("object");
  auto staged = c.Stage(object).value();
  StagingMetadata foreign = staged;
  foreign.staging = {.physical_address = physical_address};
  const std::string said = Said(c.Link(object, foreign));
  return absl::StrCat(said, ", healed ", Said(c.Link(object, staged)));
}

// The value that the link leaves at `field` of the object's entry.
template <typename Field>
Field Linked(Client& c, StagingMetadata change, Field ObjectStats::*field) {
  const ObjectPath object = c.At("object");
  const auto staged = c.Stage(object).value();
  change.staging = staged.staging;
  if (change.checksum.empty()) change.checksum = staged.checksum;
  if (change.size_bytes == 0) change.size_bytes = staged.size_bytes;
  const ObjectStats linked = c.Link(object, change).value();
  const ObjectStats stats = c.Stat(object).value().value();
  EXPECT_EQ(linked.*field, stats.*field) << "the answer is not the entry";
  return stats.*field;
}

}  // namespace

std::vector<StagingCase> LinkCases() {
  return {
      {"EmptyObjectComesBack", [](Client& c) { return RoundTrip(c, 0); },
       RoundTripOf(0)},
      {"ObjectOfOneByteComesBack", [](Client& c) { return RoundTrip(c, 1); },
       RoundTripOf(1)},
      {"ObjectOfFiveMebibytesComesBack",
       [](Client& c) { return RoundTrip(c, 5 << 20); }, RoundTripOf(5 << 20)},
      {"StoreAnswersWithTheMd5",
       [](Client& c) -> Seen {
         return {c.Stage(c.At("object"), "bytes").value().checksum};
       },
       {kMd5OfBytes}},
      {"PutTwiceToOneAddressKeepsTheLastBytes",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto location = c.Address(object).value();
         c.Put(location, "first").value();
         const auto staged = c.Put(location, "second").value();
         return {Said(c.Link(object, staged)), c.Read(object)};
       },
       {"OK", "second"}},

      {"LinkKeepsThePath",
       [](Client& c) -> Seen {
         return {Linked(c, {}, &ObjectStats::path) == c.At("object").path
                     ? "same path"
                     : "other path"};
       },
       {"same path"}},
      {"LinkKeepsTheContentType",
       [](Client& c) -> Seen {
         return {Linked(c, {.content_type = "text/csv; charset=utf-8"},
                        &ObjectStats::content_type)};
       },
       {"text/csv; charset=utf-8"}},
      {"LinkWithoutContentTypeTakesTheDefault",
       [](Client& c) -> Seen {
         return {Linked(c, {}, &ObjectStats::content_type)};
       },
       {"application/octet-stream"}},
      {"LinkKeepsTheMetadata",
       [](Client& c) -> Seen {
         Seen seen;
         for (const auto& [key, value] :
              Linked(c,
                     {.user_metadata = {{"Owner Name", "Zo\u00eb"},
                                        {"empty", ""},
                                        {"owner", "a=b&c"}}},
                     &ObjectStats::user_metadata)) {
           seen.push_back(absl::StrCat(key, ": ", value));
         }
         return seen;
       },
       {"Owner Name: Zo\u00eb", "empty: ", "owner: a=b&c"}},
      {"LinkKeepsTheMtime",
       [](Client& c) -> Seen {
         const WallTime mtime(std::chrono::seconds(1'600'000'000));
         return {
             absl::StrCat(Linked(c, {.mtime = mtime}, &ObjectStats::mtime))};
       },
       {"1600000000"}},
      {"LinkWithoutMtimeTakesTheTimeOfDay",
       [](Client& c) -> Seen {
         const auto mtime = Linked(c, {}, &ObjectStats::mtime);
         const auto age = std::abs(time(nullptr) - mtime);
         return {age < 600 ? "now" : absl::StrCat(age, " s off")};
       },
       {"now"}},
      {"LinkStripsTheQuotesOfAnEtag",
       [](Client& c) -> Seen {
         return {Linked(c, {.checksum = absl::StrCat("\"", kMd5OfBytes, "\"")},
                        &ObjectStats::checksum)};
       },
       {kMd5OfBytes}},
      {"LinkTakesAnyChecksum",
       [](Client& c) -> Seen {
         return {Linked(c, {.checksum = "any-2"}, &ObjectStats::checksum)};
       },
       {"any-2"}},
      {"LinkTakesAnySize",
       [](Client& c) -> Seen {
         return {absl::StrCat(
             *Linked(c, {.size_bytes = 12345}, &ObjectStats::size_bytes))};
       },
       {"12345"}},
      {"LinkWithoutChecksumIsRejected",
       [](Client& c) -> Seen {
         auto staged = c.Stage(c.At("object")).value();
         staged.checksum = "";
         return {Said(c.Link(c.At("object"), staged)), c.Read(c.At("object"))};
       },
       {"UPSTREAM_REJECTED", "nothing"}},
      {"LinkDoesNotAskTheStore",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto location = c.Address(object).value();
         const StagingMetadata nowhere{
             .staging = location, .checksum = kMd5OfBytes, .size_bytes = 5};
         return {Said(c.Link(object, nowhere)), Said(c.Put(location, "bytes")),
                 c.Read(object)};
       },
       {"OK", "OK", "bytes"}},
      {"LinkedObjectOutlivesACommit",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto linked = c.Link(object, c.Stage(object).value());
         return {Said(linked), c.Commit() ? "committed" : "not committed",
                 c.Read(object)};
       },
       {"OK", "committed", "bytes"}},

      {"LinkAgainIsFine",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto staged = c.Stage(object).value();
         return {Said(c.Link(object, staged)), Said(c.Link(object, staged)),
                 c.Read(object)};
       },
       {"OK", "OK", "bytes"}},
      {"LinkAgainResetsWhatIsNotSentAgain",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto bare = c.Stage(object).value();
         auto full = bare;
         full.content_type = "text/csv";
         full.user_metadata = {{"owner", "me"}};
         c.Link(object, full).value();
         c.Link(object, bare).value();
         const auto stats = c.Stat(object).value().value();
         return {stats.content_type, absl::StrCat(stats.user_metadata.size())};
       },
       {"application/octet-stream", "0"}},
      {"LinkOfANewAddressReplacesTheObject",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         c.Link(object, c.Stage(object, "old").value()).value();
         return {Said(c.Link(object, c.Stage(object, "new").value())),
                 c.Read(object)};
       },
       {"OK", "new"}},
      {"LateLinkOfAnOldAddressUndoesANewerOne",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object");
         const auto old = c.Stage(object, "old").value();
         c.Link(object, old).value();
         c.Link(object, c.Stage(object, "new").value()).value();
         return {Said(c.Link(object, old)), c.Read(object)};
       },
       {"OK", "old"}},

      {"LinkToAnotherPathIsRejected",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object")).value();
         return {Said(c.Link(c.At("other"), staged)), c.Read(c.At("other")),
                 Said(c.Link(c.At("object"), staged))};
       },
       {"UPSTREAM_REJECTED", "nothing", "OK"}},
      {"LinkOfAnAddressForAnotherBranchIsRejected",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object", kMissing)).value();
         return {Said(c.Link(c.At("object"), staged)), c.Read(c.At("object"))};
       },
       {"UPSTREAM_REJECTED", "nothing"}},
      {"LinkToAMissingBranchIsRejectedAndTheBranchNotFound",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object")).value();
         return {Said(c.Link(c.At("object", kMissing), staged)),
                 Said(c.Branch(c.repository(), kMissing))};
       },
       {"UPSTREAM_REJECTED", "NOT_FOUND branch"}},
      {"LinkToAMissingBranchOfAnAddressForItIsNotFound",
       [](Client& c) -> Seen {
         const ObjectPath object = c.At("object", kMissing);
         return {Said(c.Link(object, c.Stage(object).value()))};
       },
       {"NOT_FOUND branch"}},
      {"LinkInAMissingRepositoryIsNotFound",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object")).value();
         return {Said(c.Link({kMissing, "main", "object"}, staged))};
       },
       {"NOT_FOUND repository"}},
      {"LinkToAnEmptyPathIsRejected",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object")).value();
         return {Said(c.Link({c.repository(), "main", ""}, staged))};
       },
       {"UPSTREAM_REJECTED"}},
      {"LinkNeedsTheRightSecret",
       [](Client& c) -> Seen {
         const auto staged = c.Stage(c.At("object")).value();
         c.UseWrongSecret();
         return {Said(c.Link(c.At("object"), staged)), c.Read(c.At("object"))};
       },
       {"CREDENTIALS_REJECTED", "nothing"}},
      {"PutWithABrokenSignatureIsRefused",
       [](Client& c) -> Seen {
         auto location = c.Address(c.At("object")).value();
         char& last = location.presigned_url->back();
         last = last == '0' ? '1' : '0';
         return {Said(c.Put(location, "bytes"))};
       },
       {"STORE_REJECTED"}},

      {"LinkOfAnAddressOutsideTheNamespaceIsUnchecked",
       [](Client& c) -> Seen { return {LinkForeign(c, "garbage")}; },
       {"OK, healed OK"}},
      {"LinkOfAnUnsignedAddressBesideTheDataIsUnchecked",
       [](Client& c) -> Seen {
         return {LinkForeign(
             c, absl::StrCat(c.Namespace(c.repository()).value(), "/other/a"))};
       },
       {"OK, healed OK"}},
      {"LinkOfAnUnsignedAddressInTheDataIsRejected",
       [](Client& c) -> Seen {
         return {
             LinkForeign(c, absl::StrCat(c.Namespace(c.repository()).value(),
                                         "/data/ft5c5s1ksdua0ud2la4g/"
                                         "dc246e1ksdua0ud2o6n0"))};
       },
       {"UPSTREAM_REJECTED, healed OK"}},
      {"LinkOfAnAddressWithABrokenSignatureIsRejected",
       [](Client& c) -> Seen {
         auto address = c.Address(c.At("object")).value().physical_address;
         char& signature = address[address.size() - 10];
         signature = signature == 'A' ? 'B' : 'A';
         return {LinkForeign(c, address)};
       },
       {"UPSTREAM_REJECTED, healed OK"}},
      {"LinkOfAnEmptyAddressIsUnchecked",
       [](Client& c) -> Seen { return {LinkForeign(c, "")}; },
       {"OK, healed OK"}},

      {"LinkWithoutSizeIs400",
       [](Client& c) -> Seen {
         return {absl::StrCat(
             c.Raw(HttpMethod::kPut, c.Backing(c.At("object")),
                   R"({"staging":{"physical_address":"a"},"checksum":"a"})"))};
       },
       {"400"}},
      {"LinkOfBrokenJsonIs400",
       [](Client& c) -> Seen {
         return {absl::StrCat(c.Raw(HttpMethod::kPut, c.Backing(c.At("object")),
                                    R"({"staging":)"))};
       },
       {"400"}},
  };
}

}  // namespace lakefs::gateway::testing
