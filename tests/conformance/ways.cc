#include "tests/conformance/ways.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kReleases[] = {"v0.66", "v0.101", "v1.21", "v1.84"};

constexpr Kept kYes = Kept::kYes;
constexpr Kept kLower = Kept::kLower;
constexpr Kept kRefused = Kept::kRefused;
constexpr Kept kSpooled = Kept::kSpooled;

// clang-format off
constexpr Way kWays[] = {
  // plan            stores           first     last      type   metadata  mtime     if_absent request_id
  {"SINGLE_PUT",     "s3, azure, gs", "v0.101", "v0.101", kYes,  kYes,     kRefused, kRefused, kYes},
  {"SINGLE_PUT",     "s3, azure, gs", "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kYes,     kYes},
  {"SINGLE_PUT",     "s3, azure, gs", "v1.84",  "v1.84",  kYes,  kYes,     kYes,     kYes,     kYes},
  {"MULTIPART",      "s3",            "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kSpooled, kYes},
  {"MULTIPART",      "s3",            "v1.84",  "v1.84",  kYes,  kYes,     kSpooled, kSpooled, kYes},
  {"AZURE_BLOCKS",   "azure",         "v0.101", "v0.101", kYes,  kYes,     kRefused, kRefused, kYes},
  {"AZURE_BLOCKS",   "azure",         "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kYes,     kYes},
  {"AZURE_BLOCKS",   "azure",         "v1.84",  "v1.84",  kYes,  kYes,     kYes,     kYes,     kYes},
  {"SPOOLED_PUT",    "s3, gs",        "v0.101", "v0.101", kYes,  kYes,     kRefused, kRefused, kYes},
  {"SPOOLED_PUT",    "s3, gs",        "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kYes,     kYes},
  {"SPOOLED_PUT",    "s3, gs",        "v1.84",  "v1.84",  kYes,  kYes,     kYes,     kYes,     kYes},
  {"DIRECT_S3",      "s3",            "v0.66",  "v0.101", kYes,  kYes,     kRefused, kRefused, kYes},
  {"DIRECT_S3",      "s3",            "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kYes,     kYes},
  {"DIRECT_S3",      "s3",            "v1.84",  "v1.84",  kYes,  kYes,     kYes,     kYes,     kYes},
  {"LOCAL_FILE",     "local",         "v0.66",  "v0.66",  kYes,  kYes,     kRefused, kRefused, kYes},
  {"LOCAL_FILE",     "local",         "v1.21",  "v1.21",  kYes,  kYes,     kRefused, kYes,     kYes},
  {"LOCAL_FILE",     "local",         "v1.84",  "v1.84",  kYes,  kYes,     kYes,     kYes,     kYes},
  {"THROUGH_LAKEFS", "all",           "v0.66",  "v0.66",  kYes,  kRefused, kRefused, kYes,     kRefused},
  {"THROUGH_LAKEFS", "all",           "v0.101", "v0.101", kYes,  kRefused, kRefused, kRefused, kRefused},
  {"THROUGH_LAKEFS", "all",           "v1.21",  "v1.84",  kYes,  kLower,   kRefused, kYes,     kYes},
};
// clang-format on

size_t IndexOf(absl::string_view release) {
  return static_cast<size_t>(
      std::find(std::begin(kReleases), std::end(kReleases), release) -
      std::begin(kReleases));
}

absl::string_view Word(Kept kept) {
  switch (kept) {
    case Kept::kYes:
      return "kept";
    case Kept::kLower:
      return "lower case";
    case Kept::kRefused:
      return "refused";
    case Kept::kSpooled:
      return "SPOOLED_PUT";
  }
  return "";
}

}  // namespace

std::span<const Way> Ways() { return kWays; }

std::span<const absl::string_view> Releases() { return kReleases; }

absl::string_view ReleaseLike(absl::string_view version) {
  const std::vector<absl::string_view> fields = absl::StrSplit(version, '.');
  int major = 0;
  int minor = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[0], &major) ||
      !absl::SimpleAtoi(fields[1], &minor)) {
    return "v1.84";
  }
  // Presign came with v0.90, the condition with v1.12, mtime with v1.42.
  const std::pair<int, int> release(major, minor);
  if (release < std::pair(0, 90)) return "v0.66";
  if (release < std::pair(1, 12)) return "v0.101";
  return release < std::pair(1, 42) ? "v1.21" : "v1.84";
}

bool HoldsFor(const Way& way, absl::string_view store,
              absl::string_view release) {
  const size_t index = IndexOf(release);
  const std::vector<absl::string_view> stores =
      absl::StrSplit(way.stores, ", ");
  return (way.stores == "all" ||
          std::find(stores.begin(), stores.end(), store) != stores.end()) &&
         IndexOf(way.first) <= index && index <= IndexOf(way.last);
}

std::string WaysAsMarkdown() {
  std::string text =
      "| plan | store | lakeFS like | content type | metadata | mtime | "
      "if_absent | request_id |\n"
      "|---|---|---|---|---|---|---|---|\n";
  for (const Way& way : kWays) {
    const std::string releases =
        way.first == way.last ? std::string(way.first)
                              : absl::StrCat(way.first, " to ", way.last);
    absl::StrAppend(&text, "| ", way.plan, " | ", way.stores, " | ", releases);
    for (Kept kept : {way.content_type, way.user_metadata, way.mtime,
                      way.if_absent, way.request_id}) {
      absl::StrAppend(&text, " | ", Word(kept));
    }
    text += " |\n";
  }
  return text;
}

}  // namespace lakefs::gateway::testing
