// The XML that S3 speaks about multipart uploads.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/emulator/object_store.h"

namespace lakefs::gateway::testing {

// Reads a CompleteMultipartUpload; nullopt if it is none, or lists no part.
std::optional<std::vector<CompletedPart>> ParseCompletedParts(
    absl::string_view xml);

// The replies to creating and completing an upload. `key` is "BUCKET/KEY".
std::string DescribeCreatedUpload(absl::string_view key,
                                  absl::string_view upload_id);
std::string DescribeCompletedUpload(absl::string_view key,
                                    absl::string_view etag);

}  // namespace lakefs::gateway::testing
