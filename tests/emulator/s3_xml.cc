#include "tests/emulator/s3_xml.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace lakefs::gateway::testing {
namespace {

constexpr absl::string_view kHead =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
constexpr absl::string_view kNamespace =
    " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

// What stands in the first element of this name, and moves `xml` behind it.
std::optional<absl::string_view> TakeElement(absl::string_view name,
                                             absl::string_view& xml) {
  std::string open = absl::StrCat("<", name, ">");
  std::string close = absl::StrCat("</", name, ">");
  size_t begin = xml.find(open);
  if (begin == absl::string_view::npos) return std::nullopt;
  begin += open.size();
  size_t end = xml.find(close, begin);
  if (end == absl::string_view::npos) return std::nullopt;
  absl::string_view inside = xml.substr(begin, end - begin);
  xml.remove_prefix(end + close.size());
  return inside;
}

std::optional<absl::string_view> FindElement(absl::string_view name,
                                             absl::string_view xml) {
  return TakeElement(name, xml);
}

std::string Unescaped(absl::string_view text) {
  return absl::StrReplaceAll(absl::StripAsciiWhitespace(text),
                             {{"&quot;", "\""}, {"&#34;", "\""}});
}

std::string DescribeBucketAndKey(absl::string_view key) {
  std::pair<absl::string_view, absl::string_view> parts =
      absl::StrSplit(key, absl::MaxSplits('/', 1));
  return absl::StrCat("<Bucket>", parts.first, "</Bucket><Key>", parts.second,
                      "</Key>");
}

}  // namespace

std::optional<std::vector<CompletedPart>> ParseCompletedParts(
    absl::string_view xml) {
  if (xml.find("<CompleteMultipartUpload") == absl::string_view::npos) {
    return std::nullopt;
  }
  std::vector<CompletedPart> parts;
  while (auto part = TakeElement("Part", xml)) {
    auto number = FindElement("PartNumber", *part);
    auto etag = FindElement("ETag", *part);
    CompletedPart completed;
    if (!number.has_value() || !etag.has_value() ||
        !absl::SimpleAtoi(*number, &completed.number)) {
      return std::nullopt;
    }
    completed.etag = Unescaped(*etag);
    parts.push_back(std::move(completed));
  }
  if (parts.empty()) return std::nullopt;
  return parts;
}

std::string DescribeCreatedUpload(absl::string_view key,
                                  absl::string_view upload_id) {
  return absl::StrCat(kHead, "<InitiateMultipartUploadResult", kNamespace, ">",
                      DescribeBucketAndKey(key), "<UploadId>", upload_id,
                      "</UploadId></InitiateMultipartUploadResult>");
}

std::string DescribeCompletedUpload(absl::string_view key,
                                    absl::string_view etag) {
  std::string escaped = absl::StrReplaceAll(etag, {{"\"", "&#34;"}});
  return absl::StrCat(kHead, "<CompleteMultipartUploadResult", kNamespace, ">",
                      DescribeBucketAndKey(key), "<ETag>", escaped,
                      "</ETag></CompleteMultipartUploadResult>");
}

}  // namespace lakefs::gateway::testing
