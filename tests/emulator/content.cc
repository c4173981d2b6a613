#include "tests/emulator/content.h"

#include <algorithm>
#include <random>
#include <utility>

#include "tests/emulator/content_writer.h"
#include "tests/emulator/crc32c.h"

namespace lakefs::gateway::testing {

ContentPolicy ContentPolicyOf(const EmulatorOptions& options) {
  ContentPolicy policy;
  policy.keeps_bytes = !options.discard_bytes;
  policy.has_md5 = options.etag_md5;
  policy.has_crc32c = !policy.keeps_bytes || options.store == StoreKind::kGcs;
  return policy;
}

Content ContentOf(std::string bytes, const ContentPolicy& policy) {
  ContentWriter writer(policy);
  writer.Append(bytes);
  return writer.Finish();
}

Content Joined(const std::vector<Content>& pieces) {
  Content whole;
  for (const Content& piece : pieces) {
    whole.size_bytes += piece.size_bytes;
    whole.crc32c = JoinedCrc32c(whole.crc32c, piece.crc32c, piece.size_bytes);
  }
  bool kept = std::all_of(pieces.begin(), pieces.end(),
                          [](const Content& c) { return c.bytes != nullptr; });
  if (!kept) return whole;
  std::string bytes;
  bytes.reserve(whole.size_bytes);
  for (const Content& piece : pieces) bytes += *piece.bytes;
  whole.bytes = std::make_shared<const std::string>(std::move(bytes));
  return whole;
}

std::string ETagBytes(const Content& content, const ContentPolicy& policy) {
  if (policy.has_md5 && !content.md5.empty()) return content.md5;
  thread_local std::mt19937 random(std::random_device{}());
  std::string bytes;
  for (int i = 0; i < 16; ++i) bytes.push_back(static_cast<char>(random()));
  return bytes;
}

}  // namespace lakefs::gateway::testing
