// lakeFS's JSON: whatever comes is parsed or refused, and what is parsed can be
// sent back.
#include "gateway/lakefs/json.h"
#include "tests/fuzz/fuzz_input.h"

using namespace lakefs::gateway;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = testing::FuzzInput(data, size).Rest();
  ParseConfig(text);
  ParseStorageConfig(text, text);
  ParseRepository(text);
  ParseLogin(text);
  ParseMultipartUpload(text);
  ParsePresignedUrl(text);

  StagingMetadata metadata;
  if (const auto location = ParseStagingLocation(text)) {
    metadata.staging = *location;
  }
  if (const auto stats = ParseObjectStats(text)) {
    metadata.checksum = stats->checksum;
    metadata.user_metadata = stats->user_metadata;
    metadata.content_type = stats->content_type;
  }
  metadata.user_metadata.emplace("raw", text);
  testing::Require(!ToJson(metadata).empty());
  return 0;
}
