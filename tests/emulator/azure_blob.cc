#include "tests/emulator/azure_blob.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace lakefs::gateway::testing {
namespace {

const Content* FindBlock(const BlockReference& reference,
                         const AzureBlob& blob) {
  if (reference.list != "Committed") {
    auto it = blob.uncommitted.find(reference.id);
    if (it != blob.uncommitted.end()) return &it->second;
  }
  if (reference.list != "Uncommitted") {
    auto it = blob.committed.find(reference.id);
    if (it != blob.committed.end()) return &it->second;
  }
  return nullptr;
}

std::string Describe(absl::string_view list,
                     const std::map<std::string, Content>& blocks) {
  std::string xml = absl::StrCat("<", list, ">");
  for (const auto& [id, content] : blocks) {
    absl::StrAppend(&xml, "<Block><Name>", id, "</Name><Size>",
                    content.size_bytes, "</Size></Block>");
  }
  return absl::StrCat(xml, "</", list, ">");
}

}  // namespace

std::optional<std::vector<BlockReference>> ParseBlockList(
    absl::string_view xml) {
  size_t begin = xml.find("<BlockList>");
  size_t end = xml.find("</BlockList>");
  if (begin == absl::string_view::npos || end == absl::string_view::npos ||
      end < begin) {
    return std::nullopt;
  }
  absl::string_view rest = xml.substr(begin + 11, end - begin - 11);
  std::vector<BlockReference> list;
  while (true) {
    rest = absl::StripLeadingAsciiWhitespace(rest);
    if (rest.empty()) return list;
    size_t tag_end = rest.find('>');
    if (rest[0] != '<' || tag_end == absl::string_view::npos) {
      return std::nullopt;
    }
    std::string tag(rest.substr(1, tag_end - 1));
    std::string closing = absl::StrCat("</", tag, ">");
    size_t close = rest.find(closing);
    bool known = tag == "Latest" || tag == "Committed" || tag == "Uncommitted";
    if (!known || close == absl::string_view::npos) return std::nullopt;
    list.push_back(
        {tag, std::string(rest.substr(tag_end + 1, close - tag_end - 1))});
    rest.remove_prefix(close + closing.size());
  }
}

bool CommitBlocks(const std::vector<BlockReference>& list, AzureBlob& blob) {
  std::vector<Content> pieces;
  std::map<std::string, Content> committed;
  for (const BlockReference& reference : list) {
    const Content* block = FindBlock(reference, blob);
    if (block == nullptr) return false;
    pieces.push_back(*block);
    committed[reference.id] = *block;
  }
  blob.content = Joined(pieces);
  blob.committed = std::move(committed);
  blob.uncommitted.clear();
  return true;
}

std::string DescribeBlocks(const AzureBlob& blob) {
  return absl::StrCat(
      "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>"
      "<BlockList>",
      Describe("CommittedBlocks", blob.committed),
      Describe("UncommittedBlocks", blob.uncommitted), "</BlockList>");
}

}  // namespace lakefs::gateway::testing
